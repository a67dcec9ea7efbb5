using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Execution;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

public class WinogradTests
{
    /// <summary>One tile; partly filled blocks; rows with more tiles than a block; the stages of a ResNet; tiles that reach over the
    /// edges.</summary>
    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        { 1, 16, 16, 4, 4 },
        { 3, 16, 32, 8, 12 },
        { 2, 32, 16, 4, 80 },
        { 1, 16, 16, 8, 128 },
        { 5, 64, 64, 8, 8 },
        { 2, 16, 16, 32, 32 },
        { 3, 16, 32, 7, 7 },
        { 5, 128, 16, 7, 6 },
        { 2, 16, 80, 14, 13 },
        { 1, 32, 16, 3, 17 },
        { 3, 96, 96, 15, 3 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_computes_what_a_convolution_does_in_fp32_with_vectors_of_any_width(
        int batch, int inputs, int outputs, int height, int width)
    {
        AssertConvolves<Float32Element, Lanes16>(float32, 1e-5, batch, inputs, outputs, height, width);
        AssertConvolves<Float32Element, Lanes8>(float32, 1e-5, batch, inputs, outputs, height, width);
        AssertConvolves<Float32Element, Lanes4>(float32, 1e-5, batch, inputs, outputs, height, width);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_computes_what_a_convolution_does_in_bf16_with_vectors_of_any_width(
        int batch, int inputs, int outputs, int height, int width)
    {
        AssertConvolves<BFloat16Element, Lanes16>(bfloat16, 4e-3, batch, inputs, outputs, height, width);
        AssertConvolves<BFloat16Element, Lanes8>(bfloat16, 4e-3, batch, inputs, outputs, height, width);
        AssertConvolves<BFloat16Element, Lanes4>(bfloat16, 4e-3, batch, inputs, outputs, height, width);
    }

    [Theory]
    [InlineData(16, 16, 3, 8, 8, 1, true)]
    [InlineData(16, 16, 3, 8, 8, 2, false)]
    [InlineData(16, 16, 1, 8, 8, 1, false)]
    [InlineData(16, 3, 3, 8, 8, 1, false)]
    [InlineData(24, 16, 3, 8, 8, 1, false)]
    [InlineData(16, 16, 3, 6, 8, 1, true)]
    [InlineData(16, 16, 3, 7, 7, 1, true)]
    [InlineData(16, 16, 3, 5, 5, 1, false)]
    [InlineData(16, 16, 3, 2, 2, 1, false)]
    public void It_takes_what_it_can_compute(int outputs, int inputs, int size, int height, int width, int stride, bool fits) =>
        Assert.Equal(fits, KernelSupport.HasWinograd(new Convolution(inputs, outputs, Window.Square(size, stride, size / 2)),
            new Shape(inputs, height, width)));

    private static void AssertConvolves<TElement, TLanes>(ScalarType type,
        double tolerance, int batch, int inputs, int outputs, int height, int width)
        where TElement : struct, IElement
        where TLanes : struct, ILanes<TLanes>
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1);
        Tensor x = Random(inputs), gradient = Random(outputs), shortcut = Random(outputs);
        Tensor weight = ActivationMemory.ChannelsLast(randn([outputs, inputs, 3, 3], generator: generator)),
            found = ActivationMemory.ChannelsLast(zeros_like(weight));
        float[] bias = [.. Enumerable.Range(0, outputs).Select(i => i / 4f - 1)];
        Tensor exactX = x.to(float64).requires_grad_(true), exactWeight = weight.to(float64).requires_grad_(true);
        Tensor exact = nn.functional.conv2d(exactX, exactWeight, null, strides: [1, 1], padding: [1, 1]);
        (exact * gradient.to(float64)).sum().backward();

        Winograd<TElement, TLanes>.GradientOfWeight(x, gradient, found);

        AssertClose(exact, Convolved(x, isBackward: false));
        AssertClose(exactX.grad!, Convolved(gradient, isBackward: true));
        AssertClose(exactWeight.grad!, found);
        Tensor transformed = Winograd<TElement, TLanes>.TransformedWeight(weight),
            biased = exact.PlusTensor(tensor(bias).view(1, outputs, 1, 1));
        AssertClose(biased.relu(), Winograd<TElement, TLanes>.Convolve(x, transformed, bias, null, activate: true));
        AssertClose(biased.PlusTensor(shortcut.to(float64)),
            Winograd<TElement, TLanes>.Convolve(x, transformed, bias, shortcut, activate: false));
        AssertClose(biased.PlusTensor(shortcut.to(float64)).relu(),
            Winograd<TElement, TLanes>.Convolve(x, transformed, bias, shortcut, activate: true));

        unsafe Tensor Convolved(Tensor values, bool isBackward)
        {
            Tensor output = ActivationMemory.Like(values, isBackward ? inputs : outputs, height, width);
            Winograd<TElement, TLanes>.Convolve(new Activations(values), new Activations(output),
                Winograd<TElement, TLanes>.TransformWeight(weight, isBackward, new SharedWork()), null, null, activate: false);
            return output;
        }

        Tensor Random(int channels) =>
            ActivationMemory.ChannelsLast(randn([batch, channels, height, width], generator: generator)).to(type);

        void AssertClose(Tensor expected, Tensor actual)
        {
            double error = ((expected - actual).norm() / expected.norm()).item<double>();
            Assert.True(error < tolerance, $"off by {error:E2}");
        }
    }
}
