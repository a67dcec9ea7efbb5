namespace Cifar10Ps.Training;

/// <summary>Up from 1/25 of the peak over the first 10 % of the steps, then down to zero, both in a straight line.</summary>
internal static class LinearSchedule
{
    private const double WarmUp = 0.1, StartDivisor = 25;

    /// <summary>The learning rate.</summary>
    /// <param name="peak">Its highest value.</param>
    /// <param name="done">Share of the steps that are done, 0 to 1.</param>
    public static double At(double peak, double done) =>
        done < WarmUp ? double.Lerp(peak / StartDivisor, peak, done / WarmUp) : peak * (1 - done) / (1 - WarmUp);
}
