namespace Cifar10Ps; internal static class Placeholder { }
