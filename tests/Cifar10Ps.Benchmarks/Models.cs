
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Benchmarks;

/// <summary>What is measured.</summary>
internal static class Models
{
    /// <summary>An untrained ResNet-20.</summary>
    public static ImageClassifier NewResNet20(string[] classes, int seed) => NewResNet(20, classes, seed);

    /// <summary>An untrained ResNet for small images.</summary>
    public static ImageClassifier NewResNet(int depth, string[] classes, int seed) =>
        ImageClassifier.Create(CifarResNet.Create(depth, Shortcut.Projection, classes.Length), classes, seed);
}
