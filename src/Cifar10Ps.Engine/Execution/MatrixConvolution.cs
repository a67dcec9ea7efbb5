using System.Runtime.InteropServices;
using Cifar10Ps.Networks;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// A convolution of one image as one product of matrices, each row of which is a window of the input. In the last stages of a network,
/// with few pixels, libtorch's convolution spends most of its time on putting the weight in another order.
/// </summary>
internal static class MatrixConvolution
{
    /// <summary>Convolves.</summary>
    /// <param name="convolution">Its description: one group.</param>
    /// <param name="x">[1, channels, height, width], fp32, channels-last in memory.</param>
    /// <param name="weight">[output channels, channels, height, width], fp32, channels-last in memory.</param>
    /// <param name="bias">[output channels], fp32.</param>
    /// <returns>[1, output channels, height, width], channels-last in memory.</returns>
    public static Tensor Convolve(Convolution convolution, Tensor x, Tensor weight, Tensor bias)
    {
        Window window = convolution.Window;
        (int channels, int height, int width) = ((int)x.shape[1], (int)x.shape[2], (int)x.shape[3]);
        Shape output = window.Output(new Shape(channels, height, width), convolution.OutputChannels);
        long length = (long)window.Size.Height * window.Size.Width * channels;
        Tensor rows = empty((long)output.Height * output.Width, length);
        ReadOnlySpan<float> pixels = MemoryMarshal.Cast<byte, float>(x.permute(0, 2, 3, 1).bytes);
        Span<float> target = MemoryMarshal.Cast<byte, float>(rows.bytes);
        for (int top = -window.Padding.Top, j = 0; j < output.Height; j++, top += window.Stride.Height)
            for (int left = -window.Padding.Left, i = 0; i < output.Width; i++, left += window.Stride.Width)
                for (int y = top; y < top + window.Size.Height; y++)
                    for (int k = left; k < left + window.Size.Width; k++, target = target[channels..])
                    {
                        if (y >= 0 && y < height && k >= 0 && k < width)
                            pixels.Slice((y * width + k) * channels, channels).CopyTo(target);
                        else
                            target[..channels].Clear();
                    }

        Tensor matrix = weight.permute(0, 2, 3, 1).reshape(convolution.OutputChannels, length);
        return addmm(bias, rows, matrix.t(), beta: 1, alpha: 1).view(1, output.Height, output.Width, convolution.OutputChannels)
            .permute(0, 3, 1, 2);
    }
}
