using System.Text;

namespace Cifar10Ps.Models;

/// <summary>
/// Matches the classes of a model and of data by name, in any order. Case matters, Unicode normalisation (composed or decomposed) does not.
/// </summary>
internal static class ClassMatching
{
    private const int ListedNames = 10;

    /// <summary>A model and data to train it on: the labels of the data become the indices of the model's outputs.</summary>
    /// <param name="model">The model. One without class names of its own takes those of the data.</param>
    /// <param name="data">Data of the model's classes, all of them.</param>
    /// <param name="warn">Receives a sentence if a trained model takes names; null ignores it.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>; <c>ClassCountMismatch</c> for a model without names.</exception>
    public static (ModelSnapshot Model, ImageDataset Data) ForTraining(ModelSnapshot model, ImageDataset data, Action<string>? warn = null)
    {
        if (model.HasPlaceholderClasses && !data.Classes.SequenceEqual(model.Classes))
        {
            if (data.Classes.Length != model.Classes.Length)
                throw CountMismatch(model, data.Classes.Length);
            if (model.IsTrained)
                warn?.Invoke(Adopted(data.Classes));
            return (model with { Classes = data.Classes }, data);
        }

        int[] labels = [.. data.Classes.Select(name => IndexOf(model.Classes, name))];
        if (labels.Contains(-1) || labels.Length != model.Classes.Length)
            throw Mismatch(model.Classes, data.Classes);
        return (model, data.Relabel(model.Classes, labels));
    }

    /// <summary>Images to evaluate a model on, with the indices of its outputs as their labels.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">Images whose truth is known, of all of the model's classes or some.</param>
    /// <param name="warn">Receives a sentence if a trained model has no class names of its own; null ignores it.</param>
    /// <returns>The classes, and the images.</returns>
    /// <exception cref="EngineException"><c>TruthUnknown</c>, <c>ClassMismatch</c>; <c>ClassCountMismatch</c> for a model without
    /// names.</exception>
    public static (string[] Classes, IReadOnlyList<LabeledImage> Images) ForMeasuring(ModelSnapshot model,
        IReadOnlyList<LabeledImage> images, Action<string>? warn = null)
    {
        if (images.FirstOrDefault(image => !image.HasKnownTruth) is { } unknown)
            throw new EngineException("TruthUnknown", ErrorKind.InvalidArgument,
                $"It is not known what the image '{unknown.Path ?? $"{unknown}"}' shows. Measure on images of a data set, "
                + "whose folders or files name their classes.");
        string[] names = [.. images.Select(image => image.LabelName).Distinct()];
        if (!model.HasPlaceholderClasses)
        {
            if (names.Any(name => IndexOf(model.Classes, name) < 0))
                throw Mismatch(model.Classes, names);
            return (model.Classes, [.. images.Select(image => image.WithLabel(IndexOf(model, image)))]);
        }

        if (images.Max(image => image.Label) is int label && label >= model.Classes.Length)
            throw CountMismatch(model, label + 1);
        string[] classes = [.. model.Classes];
        foreach (LabeledImage image in images)
            classes[image.Label] = image.LabelName;
        if (model.IsTrained && !classes.SequenceEqual(model.Classes))
            warn?.Invoke(Adopted(classes));
        return (classes, images);
    }

    /// <summary>Why the correctness of some guesses may be misleading; null: the classes are the model's.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">Images whose truth is known: one for each class is enough.</param>
    public static string? Doubt(ModelSnapshot model, IReadOnlyCollection<LabeledImage> images)
    {
        string[] unknown = [.. images.Where(image => IndexOf(model, image) < 0).Select(image => image.LabelName)];
        return unknown is not [] ? $"The model has no class {Listed(unknown)}: whatever it guesses for such images counts as wrong."
            : model.IsTrained && model.HasPlaceholderClasses && images.Any(image => model.Classes[image.Label] != image.LabelName)
                ? "The model has no class names of its own: its guesses are compared with the data by position."
            : null;
    }

    /// <summary>The output of a model that stands for what an image shows; -1: it has none. Without class names of its own,
    /// the position decides.</summary>
    public static int IndexOf(ModelSnapshot model, LabeledImage image)
    {
        bool hasOutput = image.Label < model.Classes.Length;
        if (model.HasPlaceholderClasses)
            return hasOutput ? image.Label : -1;
        if (hasOutput && model.Classes[image.Label] == image.LabelName)
            return image.Label;
        return IndexOf(model.Classes, image.LabelName);
    }

    /// <summary>The position of a class; -1: there is none of that name.</summary>
    public static int IndexOf(string[] classes, string name)
    {
        int index = Array.IndexOf(classes, name);
        return index >= 0 ? index : Array.FindIndex(classes, other => Composed(other) == Composed(name));
    }

    private static string Composed(string name)
    {
        try
        {
            return name.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            // An unpaired surrogate cannot be normalised.
            return name;
        }
    }

    private static string Adopted(string[] classes) =>
        $"The model had no class names of its own: they are taken from the data by position ({Listed(classes)}).";

    private static EngineException CountMismatch(ModelSnapshot model, int count) => new("ClassCountMismatch", ErrorKind.InvalidArgument,
        $"The model has {model.Classes.Length} classes, the data have {count}. Make a model for the classes of the data.");

    private static EngineException Mismatch(string[] ofModel, string[] ofData)
    {
        string[] onlyModel = [.. ofModel.Where(name => IndexOf(ofData, name) < 0)],
            onlyData = [.. ofData.Where(name => IndexOf(ofModel, name) < 0)];
        return new EngineException("ClassMismatch", ErrorKind.InvalidArgument,
            "The model and the data have different classes" + Part(": only the model has", onlyModel)
            + Part(onlyModel is [] ? ": only the data have" : "; only the data have", onlyData)
            + ". Use data with the model's classes, or make a model for the classes of the data, from these weights or new ones.");

        static string Part(string what, string[] names) => names is [] ? "" : $"{what} {Listed(names)}";
    }

    private static string Listed(string[] names) => DisplayText.List(names, ListedNames);
}
