namespace Cifar10Ps.Training;

/// <summary>The peak; a tenth of it from half of the steps, a hundredth from three quarters.</summary>
/// <remarks>K. He et al., "Deep residual learning for image recognition", section 4.2.</remarks>
internal static class StepSchedule
{
    /// <summary>The learning rate.</summary>
    /// <param name="peak">Its highest value.</param>
    /// <param name="done">Share of the steps that are done, 0 to 1.</param>
    public static double At(double peak, double done) => done < 0.5 ? peak : done < 0.75 ? peak / 10 : peak / 100;
}
