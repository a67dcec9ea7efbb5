namespace Cifar10Ps.Data;

/// <summary>Makes a data set of images of others.</summary>
internal static class ImageSelection
{
    /// <summary>Makes a data set. Classes are matched by name and come in the order of their names; indices are those in the new
    /// parts.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="train">The images to learn from; all images have one size, and it is known what they show.</param>
    /// <param name="validation">The images to validate on; none: those to test on serve.</param>
    /// <param name="test">The images to test on; none: those to validate on serve.</param>
    /// <param name="warn">Receives what may be a mistake, one sentence each.</param>
    /// <exception cref="EngineException"><c>NoImages</c>, <c>TruthUnknown</c>, <c>ImageSizeMismatch</c>, <c>TooFewClasses</c>.</exception>
    public static ImageDataset ToDataset(string name, IReadOnlyList<LabeledImage> train, IReadOnlyList<LabeledImage> validation,
        IReadOnlyList<LabeledImage> test, Action<string> warn)
    {
        if (train is [])
            throw new EngineException("NoImages", ErrorKind.InvalidArgument, "There are no images to train on.");
        LabeledImage[] all = [.. train, .. validation, .. test];
        if (all.FirstOrDefault(image => !image.HasKnownTruth) is { } unknown)
            throw new EngineException("TruthUnknown", ErrorKind.InvalidArgument,
                $"It is not known what the image '{unknown.Path ?? $"{unknown}"}' shows.");
        (int width, int height) = (all[0].Width, all[0].Height);
        if (all.FirstOrDefault(image => (image.Width, image.Height) != (width, height)) is { } other)
            throw new EngineException("ImageSizeMismatch", ErrorKind.InvalidArgument,
                $"The images of a data set have one size, but there are images of {width} x {height} and of "
                + $"{other.Width} x {other.Height} pixels.");
        string[] classes = [.. all.Select(image => image.LabelName).Distinct().Order(StringComparer.Ordinal)];
        if (classes is [string only])
            throw new EngineException("TooFewClasses", ErrorKind.InvalidArgument,
                $"All images show '{only}'. A data set needs two classes.");
        // Those of a data set whose test images also serve for validation.
        if (validation.Select(image => image.Content).SequenceEqual(test.Select(image => image.Content)))
            validation = [];
        ImageDataset data = ImageDataset.Of(name, "images", classes, train, validation, test);
        if (data.DifferentClasses() is string different)
            warn(different);
        if (data.SharedImages() is string shared)
            warn(shared);
        return data;
    }
}
