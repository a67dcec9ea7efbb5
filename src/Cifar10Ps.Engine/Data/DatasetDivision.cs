using System.Globalization;

namespace Cifar10Ps.Data;

/// <summary>
/// Divides the images of a data set that are not for testing: each class by itself, by chance that depends on a seed alone, and images
/// with the same pixels to the same side.
/// </summary>
internal static class DatasetDivision
{
    /// <summary>Divides them by shares.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="fractions">Shares of training and validation, of which the test images stay what they are; or of training,
    /// validation and testing. They add up to 1.</param>
    /// <param name="seed">Seed of the choice.</param>
    /// <param name="warn">Receives what the user may not expect, one sentence each.</param>
    /// <exception cref="EngineException"><c>InvalidFractions</c>.</exception>
    public static ImageDataset ByFractions(ImageDataset data, double[] fractions, int seed, Action<string> warn)
    {
        if (fractions.Length is < 2 or > 3 || fractions[0] <= 0 || fractions.Any(fraction => !(fraction >= 0))
            || Math.Abs(fractions.Sum() - 1) > 1e-6)
            throw new EngineException("InvalidFractions", ErrorKind.InvalidArgument, string.Create(CultureInfo.CurrentCulture,
                $"{string.Join("; ", fractions)} are not shares of training and validation, or of training, validation and testing: "
                + $"two or three numbers that add up to 1, the first above 0."));
        List<LabeledImage>[] parts = [.. fractions.Select(_ => new List<LabeledImage>())];
        foreach (Group[] ofClass in Groups(data, seed))
        {
            int[] wanted = Counts(ofClass.Sum(group => group.Images.Length), fractions);
            foreach (Group group in ofClass)
            {
                int part = Array.IndexOf(wanted, wanted.Max());
                parts[part].AddRange(group.Images);
                wanted[part] -= group.Images.Length;
            }
        }

        foreach ((int i, double fraction) in fractions.Index())
            if (fraction > 0 && parts[i] is [])
                warn($"There are too few different images for a part for {((DatasetPart)i).Purpose()}.");
        if (fractions.Length == 3 && data.Test.Count > 0)
            warn($"The {data.Test.Count:N0} test images of '{data.Name}' are not used: its other images have been divided.");
        ImageDataset divided = ImageDataset.Of(data.Name, data.Source, data.Classes, InOrder(data, parts[0]), InOrder(data, parts[1]),
            fractions.Length == 3 ? InOrder(data, parts[2]) : data.Test);
        if (divided.DifferentClasses() is string different)
            warn(different);
        return divided;
    }

    /// <summary>Divides them into folds for cross-validation: each is the validation part of one data set, and training has the
    /// others.</summary>
    /// <param name="data">The data set; its test images, if it has any, are those of all folds.</param>
    /// <param name="count">Number of folds, at least 2.</param>
    /// <param name="seed">Seed of the choice.</param>
    /// <param name="warn">Receives what the user may not expect, one sentence each.</param>
    /// <exception cref="EngineException"><c>InvalidFractions</c>: there are fewer images than folds.</exception>
    public static IEnumerable<ImageDataset> Folds(ImageDataset data, int count, int seed, Action<string> warn)
    {
        Group[][] classes = [.. Groups(data, seed)];
        if (classes.Sum(groups => groups.Length) is int images && images < count)
            throw new EngineException("InvalidFractions", ErrorKind.InvalidArgument,
                $"'{data.Name}' has {images:N0} different images to divide, fewer than the {count} folds.");
        string[] rare = [.. classes.Where(groups => groups.Length > 0 && groups.Length < count)
            .Select(groups => groups[0].Images[0].LabelName)];
        if (rare is not [])
            warn($"Not every fold has an image of {DisplayText.List(rare)}: there are fewer than {count}.");
        List<LabeledImage>[] folds = [.. Enumerable.Range(0, count).Select(_ => new List<LabeledImage>())];
        foreach (Group[] ofClass in classes)
        {
            int[] taken = new int[count];
            foreach (Group group in ofClass)
            {
                int fold = Enumerable.Range(0, count).MinBy(i => (taken[i], folds[i].Count));
                folds[fold].AddRange(group.Images);
                taken[fold] += group.Images.Length;
            }
        }

        for (int i = 0; i < count; i++)
            yield return ImageDataset.Of($"{data.Name}, fold {i + 1} of {count}", data.Source, data.Classes,
                InOrder(data, folds.Where((_, other) => other != i).SelectMany(fold => fold)), InOrder(data, folds[i]), data.Test);
    }

    /// <summary>The images to divide.</summary>
    private static IEnumerable<LabeledImage> Pool(ImageDataset data) => data.HasOwnValidation ? data.Train.Concat(data.Validation)
        : data.Train;

    /// <summary>The images to divide, by class, those with the same pixels in one group, in the order of chance.</summary>
    private static IEnumerable<Group[]> Groups(ImageDataset data, int seed)
    {
        ILookup<int, Group> classes = Pool(data).GroupBy(image => Convert.ToHexString(image.Content.Digest))
            .Select(same => new Group([.. same])).ToLookup(group => group.Images[0].Label);
        return Enumerable.Range(0, data.Classes.Length).Select(label =>
        {
            Group[] groups = [.. classes[label]];
            return (Group[])[.. new RandomSequence(seed, RandomPurpose.Division, label).NextPermutation(groups.Length)
                .Select(i => groups[i])];
        });
    }

    /// <summary>How many images each part gets: rounded shares, and at least one where there is a share and enough images.</summary>
    private static int[] Counts(int total, double[] fractions)
    {
        int[] counts = [.. fractions.Select(fraction => (int)(total * fraction))];
        foreach (int part in Enumerable.Range(0, counts.Length).OrderByDescending(i => total * fractions[i] - counts[i])
            .Take(Math.Max(0, total - counts.Sum())).ToArray())
            counts[part]++;
        for (int part = 0; part < counts.Length; part++)
        {
            int largest = Array.IndexOf(counts, counts.Max());
            if (counts[part] > 0 || fractions[part] == 0 || counts[largest] < 2)
                continue;
            counts[part]++;
            counts[largest]--;
        }

        return counts;
    }

    /// <summary>Images in the order in which the data set has them.</summary>
    private static LabeledImage[] InOrder(ImageDataset data, IEnumerable<LabeledImage> images)
    {
        HashSet<LabeledImage> wanted = [.. images];
        return [.. Pool(data).Where(wanted.Contains)];
    }

    /// <summary>Images with the same pixels: one, as a rule.</summary>
    private sealed record Group(LabeledImage[] Images);
}
