namespace Cifar10Ps.Training;

/// <summary>Up from 1/25 of the peak over the first 30 % of the steps, then down to zero, both along a cosine.</summary>
/// <remarks>L. N. Smith, N. Topin, "Super-convergence", 2018.</remarks>
internal static class OneCycleSchedule
{
    private const double WarmUp = 0.3, StartDivisor = 25;

    /// <summary>The learning rate.</summary>
    /// <param name="peak">Its highest value.</param>
    /// <param name="done">Share of the steps that are done, 0 to 1.</param>
    public static double At(double peak, double done) => done < WarmUp
        ? CosineSchedule.Anneal(peak / StartDivisor, peak, done / WarmUp)
        : CosineSchedule.Anneal(peak, 0, (done - WarmUp) / (1 - WarmUp));
}
