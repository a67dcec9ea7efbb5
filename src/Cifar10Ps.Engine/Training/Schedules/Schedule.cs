
namespace Cifar10Ps;

/// <summary>How the learning rate changes over a run.</summary>
public enum Schedule
{
    /// <summary>Up from 1/25 of the peak over the first 30 % of the steps, then down to zero, both along a cosine.</summary>
    OneCycle,

    /// <summary>From the peak down to zero along a cosine.</summary>
    Cosine,

    /// <summary>Up from 1/25 of the peak over the first 10 % of the steps, then down to zero, both in a straight line.</summary>
    Linear,

    /// <summary>The peak; a tenth of it from half of the steps, a hundredth from three quarters.</summary>
    Step,

    /// <summary>Always the peak.</summary>
    Constant,
}
