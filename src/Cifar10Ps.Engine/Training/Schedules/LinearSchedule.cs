namespace Cifar10Ps.Training;

/// <summary>Up from 1/25 of the peak over the warm-up, then down to zero, both in a straight line.</summary>
internal static class LinearSchedule
{
    private const double StartDivisor = 25;

    /// <summary>The learning rate.</summary>
    /// <param name="peak">Its highest value.</param>
    /// <param name="done">Share of the steps that are done, 0 to 1.</param>
    /// <param name="warmUp">Share of the steps in which it rises.</param>
    public static double At(double peak, double done, double warmUp) =>
        done < warmUp ? double.Lerp(peak / StartDivisor, peak, done / warmUp) : peak * (1 - done) / (1 - warmUp);
}
