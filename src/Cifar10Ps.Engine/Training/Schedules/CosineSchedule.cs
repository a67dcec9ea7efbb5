namespace Cifar10Ps.Training;

/// <summary>From the peak down to zero along a cosine.</summary>
/// <remarks>I. Loshchilov, F. Hutter, "SGDR", ICLR 2017.</remarks>
internal static class CosineSchedule
{
    /// <summary>The learning rate.</summary>
    /// <param name="peak">Its highest value.</param>
    /// <param name="done">Share of the steps that are done, 0 to 1.</param>
    public static double At(double peak, double done) => Anneal(peak, 0, done);

    /// <summary>From one value to another along half a cosine.</summary>
    public static double Anneal(double from, double to, double share) => to + (from - to) * (1 + Math.Cos(Math.PI * share)) / 2;
}
