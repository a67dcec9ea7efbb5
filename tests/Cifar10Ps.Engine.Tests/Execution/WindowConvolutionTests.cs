using Cifar10Ps.Execution;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

public class WindowConvolutionTests
{
    /// <summary>Images, input and output channels, height, width, size of the window, stride, padding: the first convolutions of networks,
    /// those with a stride and of one pixel, more pixels than are processed at a time, windows that reach far over the edge, and pixels
    /// that no window covers.</summary>
    public static TheoryData<int, int, int, int, int, int, int, int> Shapes => new()
    {
        { 2, 3, 16, 32, 32, 3, 1, 1 },
        { 1, 3, 64, 32, 16, 7, 2, 3 },
        { 2, 16, 32, 8, 8, 3, 2, 1 },
        { 3, 64, 16, 5, 7, 1, 1, 0 },
        { 2, 16, 48, 7, 5, 1, 2, 0 },
        { 1, 32, 16, 21, 19, 3, 1, 1 },
        { 2, 16, 16, 3, 3, 3, 3, 0 },
        { 1, 48, 16, 4, 4, 5, 1, 4 },
        { 2, 16, 16, 9, 8, 2, 3, 0 },
        { 1, 16, 16, 1, 1, 3, 2, 1 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_computes_what_a_convolution_does_in_fp32_with_vectors_of_any_width(
        int batch, int inputs, int outputs, int height, int width, int size, int stride, int padding)
    {
        AssertConvolves<Float32Element, Lanes16>(float32, 1e-6, batch, inputs, outputs, height, width, size, stride, padding);
        AssertConvolves<Float32Element, Lanes8>(float32, 1e-6, batch, inputs, outputs, height, width, size, stride, padding);
        AssertConvolves<Float32Element, Lanes4>(float32, 1e-6, batch, inputs, outputs, height, width, size, stride, padding);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_computes_what_a_convolution_does_in_bf16_with_vectors_of_any_width(
        int batch, int inputs, int outputs, int height, int width, int size, int stride, int padding)
    {
        AssertConvolves<BFloat16Element, Lanes16>(bfloat16, 4e-3, batch, inputs, outputs, height, width, size, stride, padding);
        AssertConvolves<BFloat16Element, Lanes8>(bfloat16, 4e-3, batch, inputs, outputs, height, width, size, stride, padding);
        AssertConvolves<BFloat16Element, Lanes4>(bfloat16, 4e-3, batch, inputs, outputs, height, width, size, stride, padding);
    }

    [Theory]
    [InlineData(3, 16, 32, 3, 1, false, true)]
    [InlineData(3, 16, 32, 3, 1, true, false)]
    [InlineData(3, 16, 30, 3, 1, false, false)]
    [InlineData(16, 24, 32, 3, 2, true, false)]
    [InlineData(16, 32, 31, 3, 2, true, true)]
    [InlineData(512, 512, 32, 5, 2, true, false)]
    public void It_takes_what_it_can_compute(int inputs, int outputs, int width, int size, int stride, bool needsGradient, bool fits) =>
        Assert.Equal(fits, KernelSupport.HasConvolution(new Convolution(inputs, outputs, Window.Square(size, stride, size / 2)),
            new Shape(inputs, 32, width), needsGradient));

    private static void AssertConvolves<TElement, TLanes>(ScalarType type, double tolerance,
        int batch, int inputs, int outputs, int height, int width, int size, int stride, int padding)
        where TElement : struct, IElement
        where TLanes : struct, ILanes<TLanes>
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1);
        Convolution operation = new(inputs, outputs, Window.Square(size, stride, padding));
        Shape input = new(inputs, height, width);
        Tensor x = Random([batch, .. input.Sizes.Select(length => (long)length)]);
        Tensor weight = ActivationMemory.ChannelsLast(randn([outputs, inputs, size, size], generator: generator));
        Tensor exactX = x.to(float64).requires_grad_(true), exactWeight = weight.to(float64).requires_grad_(true);
        Tensor exact = nn.functional.conv2d(exactX, exactWeight, null, strides: [stride, stride], padding: [padding, padding]);
        Tensor gradient = Random(exact.shape), shortcut = Random(exact.shape);
        (exact * gradient.to(float64)).sum().backward();
        float[] bias = [.. Enumerable.Range(0, outputs).Select(i => i / 4f - 1)];
        Tensor all = exact.PlusTensor(tensor(bias).view(1, outputs, 1, 1)).PlusTensor(shortcut.to(float64));
        WindowConvolution<TElement, TLanes> convolution = new(KernelConvolution<TElement, TLanes>.SizesOf(operation, input));

        AssertClose(exact, Convolved(null, null, activate: false));
        AssertClose(all, Convolved(bias, shortcut, activate: false));
        AssertClose(all.relu(), Convolved(bias, shortcut, activate: true));
        if (inputs % 16 == 0)
            AssertClose(exactX.grad!, InputGradient());
        AssertClose(exactWeight.grad!, WeightGradient());

        unsafe Tensor Convolved(float[]? biases, Tensor? added, bool activate)
        {
            Tensor output = ActivationMemory.Like(shortcut);
            fixed (float* values = biases)
                convolution.Convolve(new Activations(x), new Activations(output), convolution.Pack(weight, false, new SharedWork()), values,
                    added is null ? null : ActivationMemory.Of(added), activate);
            return output;
        }

        unsafe Tensor InputGradient()
        {
            Tensor target = ActivationMemory.Like(x);
            convolution.ConvolveBackward(
                new Activations(gradient), new Activations(target), convolution.Pack(weight, true, new SharedWork()));
            return target;
        }

        Tensor WeightGradient()
        {
            Tensor target = ActivationMemory.ChannelsLast(zeros_like(weight));
            convolution.GradientOfWeight(new Activations(x), new Activations(gradient), target);
            return target;
        }

        Tensor Random(long[] shape) => ActivationMemory.ChannelsLast(randn(shape, generator: generator)).to(type);

        void AssertClose(Tensor expected, Tensor actual)
        {
            double error = ((expected - actual).norm() / expected.norm()).item<double>();
            Assert.True(error < tolerance, $"off by {error:E2}");
        }
    }
}
