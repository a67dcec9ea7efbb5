using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Arithmetic of tensors, in place unless a method says otherwise. TorchSharp turns a number into an object whose finaliser may free it
/// while libtorch still reads it: here it is kept alive until the operation is done. TorchSharp's operations in place return another
/// handle of the target, which would keep the memory after the target is disposed of: here they return the target itself.
/// </summary>
internal static class TensorArithmetic
{
    /// <summary>target · factor.</summary>
    public static Tensor MultiplyBy(this Tensor target, double factor)
    {
        using Scalar held = factor;
        return Done(target, target.mul_(held));
    }

    /// <summary>target · factors.</summary>
    public static Tensor MultiplyBy(this Tensor target, Tensor factors) => Done(target, target.mul_(factors));

    /// <summary>target / divisor.</summary>
    public static Tensor DivideBy(this Tensor target, double divisor)
    {
        using Scalar held = divisor;
        return Done(target, target.div_(held));
    }

    /// <summary>target + number. TorchSharp's own version without a factor turns the factor 1 into such an object.</summary>
    public static Tensor AddNumber(this Tensor target, double number)
    {
        using Scalar held = number, one = 1;
        return Done(target, target.add_(held, one));
    }

    /// <summary>target + values, likewise.</summary>
    public static Tensor AddTensor(this Tensor target, Tensor values) => target.AddScaled(values, 1);

    /// <summary>a + b, in new memory.</summary>
    public static Tensor PlusTensor(this Tensor a, Tensor b)
    {
        using Scalar held = 1;
        return a.add(b, held);
    }

    /// <summary>values · factor, in new memory.</summary>
    public static Tensor TimesNumber(this Tensor values, double factor)
    {
        using Scalar held = factor;
        return values.mul(held);
    }

    /// <summary>min(values, maximum), in new memory.</summary>
    public static Tensor ClampMaximum(this Tensor values, double maximum)
    {
        using Scalar held = maximum;
        return values.clamp_max(held);
    }

    /// <summary>target + values · factor.</summary>
    public static Tensor AddScaled(this Tensor target, Tensor values, double factor)
    {
        using Scalar held = factor;
        return Done(target, target.add_(values, held));
    }

    /// <summary>target + a · b · factor.</summary>
    public static Tensor AddProduct(this Tensor target, Tensor a, Tensor b, double factor)
    {
        using Scalar held = factor;
        return Done(target, target.addcmul_(a, b, held));
    }

    /// <summary>target + a / b · factor.</summary>
    public static Tensor AddQuotient(this Tensor target, Tensor a, Tensor b, double factor)
    {
        using Scalar held = factor;
        return Done(target, target.addcdiv_(a, b, held));
    }

    /// <summary>The values of another tensor, which may have another type.</summary>
    public static Tensor Assign(this Tensor target, Tensor values) => Done(target, target.copy_(values));

    /// <summary>Zeros.</summary>
    public static Tensor Clear(this Tensor target) => Done(target, target.zero_());

    /// <summary>max(target, 0).</summary>
    public static Tensor Rectify(this Tensor target) => Done(target, target.relu_());

    private static Tensor Done(Tensor target, Tensor same)
    {
        if (!ReferenceEquals(target, same))
            same.Dispose();
        return target;
    }
}
