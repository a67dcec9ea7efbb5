namespace Cifar10Ps.Training;

/// <summary>How the images of an epoch, in the order of its shuffle, are cut into batches.</summary>
internal readonly record struct EpochPlan
{
    private readonly int _batchSize;
    private readonly bool _isEven;

    /// <summary>Plans an epoch.</summary>
    /// <param name="imageCount">Number of training images, at least one.</param>
    /// <param name="options">Batch size, limit of steps, and whether batches are even.</param>
    public EpochPlan(int imageCount, TrainingOptions options)
    {
        (_batchSize, _isEven) = (options.BatchSize, options.EvenBatches);
        int all = StepsFor(imageCount);
        Steps = options.LimitSteps > 0 ? Math.Min(all, options.LimitSteps) : all;
        ImageCount = (int)Math.Min(imageCount, (long)Steps * _batchSize);
    }

    /// <summary>Number of batches.</summary>
    public int Steps { get; }

    /// <summary>Number of images in all batches together.</summary>
    public int ImageCount { get; }

    /// <summary>Where the next batch ends.</summary>
    /// <param name="done">Number of images that are done, below <see cref="ImageCount"/>.</param>
    public int EndOfBatch(int done)
    {
        if (!_isEven)
            return (int)Math.Min((long)(done / _batchSize + 1) * _batchSize, ImageCount);
        long step = (long)done * Steps / ImageCount;
        int end;
        do
            end = (int)(++step * ImageCount / Steps);
        while (end <= done);
        return end;
    }

    /// <summary>Number of batches that so many images make, even or not.</summary>
    public int StepsFor(int done) => (int)(((long)done + _batchSize - 1) / _batchSize);

    /// <summary>
    /// How much a batch counts in the running statistics of batch norm: its images as a fraction of those of an average batch, at most one.
    /// A last batch of a few images would otherwise leave statistics of those few just before the validation.
    /// </summary>
    public double WeightOf(int images) => Math.Min(1, (double)images * Steps / ImageCount);
}
