
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Benchmarks;

/// <summary>What is measured.</summary>
internal static class Models
{
    /// <summary>An untrained ResNet-20.</summary>
    public static ImageClassifier NewResNet20(string[] classes, int seed) =>
        ImageClassifier.Create(CifarResNet.Create(20, Shortcut.Projection, classes.Length), classes, seed);
}
