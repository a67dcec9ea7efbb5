using System.Runtime.CompilerServices;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// Convolutions with any window and stride, forward and backward, as products of matrices in fp32: what a window covers is a row of the
/// one ("im2col"), the weight is the other. Some pixels of the output are processed at a time, so that the rows stay in the caches.
/// </summary>
/// <remarks>K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks for document processing", 2006.</remarks>
/// <typeparam name="TElement">How activations are stored in memory: channels-last.</typeparam>
/// <typeparam name="TLanes">The vectors.</typeparam>
/// <param name="sizes">Its sizes: 16 divides the output channels and the values of a row of pixels of the input; for the gradient of the
/// input, the input channels too.</param>
internal sealed unsafe class WindowConvolution<TElement, TLanes>(WindowGeometry sizes)
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Pixels of the output that are processed at a time: whole groups of all products.</summary>
    private const int Pixels = 96;

    private const int Block = MatrixProducts<TLanes>.Block;

    private readonly int _channels = sizes.Channels, _outputs = sizes.Outputs, _windowHeight = sizes.Window.Height,
        _outputWidth = sizes.OutputWidth, _strideWidth = sizes.Stride.Width;

    /// <summary>Values of a row of pixels of a window, of a window, and of a row of the matrix, which ends with zeros.</summary>
    private readonly int _segment = sizes.Window.Width * sizes.Channels, _window = sizes.WindowLength,
        _row = (sizes.WindowLength + Block - 1) / Block * Block;

    /// <summary>Values of a row of pixels of an image with its border, and of the rows from one window to the one below.</summary>
    private readonly nint _borderedRow = (nint)sizes.BorderedWidth * sizes.Channels,
        _strideRows = (nint)sizes.Stride.Height * sizes.BorderedWidth * sizes.Channels;

    /// <summary>Pixels of the output of an image.</summary>
    private int PixelCount { get; } = sizes.OutputHeight * sizes.OutputWidth;

    /// <summary>Puts a weight in the order of the products, in memory of the calling thread, where the next weight will lie.</summary>
    /// <param name="weight">[output channels, input channels, height, width], fp32, channels-last.</param>
    /// <param name="isBackward">Whether it is for the gradient of the input.</param>
    /// <param name="shared">Takes the blocks of 16 columns.</param>
    /// <returns>[block, row, 16].</returns>
    public float* Pack(Tensor weight, bool isBackward, SharedWork shared)
    {
        float* values = (float*)ActivationMemory.Of(weight), packed = new Scratch(Scratch.Use.Weights, (nint)_row * _outputs).At(0);
        shared.ForEach((isBackward ? _row : _outputs) / Block, block =>
        {
            if (isBackward)
                PackBackward(values, block, packed + (nint)block * Block * _outputs);
            else
                PackForward(values, block, packed + (nint)block * Block * _row);
        });
        return packed;
    }

    /// <summary>Convolves, and adds a bias and a shortcut; ReLU may follow.</summary>
    /// <param name="x">The input.</param>
    /// <param name="y">Takes the output.</param>
    /// <param name="packed">The weight.</param>
    /// <param name="bias">A number for each output channel; null: none.</param>
    /// <param name="shortcut">What is added, laid out like the output; null: nothing.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    public void Convolve(in Activations x, in Activations y, float* packed, float* bias, byte* shortcut, bool activate)
    {
        Scratch image = Image(), rows = Rows(), products = Products();
        image.Clear();
        for (int i = 0; i < x.Count; i++)
        {
            CopyIn(x, i, image.At(0));
            for (int first = 0; first < PixelCount; first += Pixels)
            {
                int count = Math.Min(Pixels, PixelCount - first);
                Gather(image.At(0), first, count, rows.At(0));
                for (nint output = 0; output < _outputs; output += Block)
                    MatrixProducts<TLanes>.Multiply(rows.At(0), _row, count, packed + output * _row, _row, products.At(output), _outputs);
                nint offset = ((nint)i * PixelCount + first) * _outputs;
                Finish(products.At(0), count, bias, shortcut == null ? null : shortcut + offset * TElement.Size,
                    y.Values + offset * TElement.Size, activate);
            }
        }
    }

    /// <summary>The gradient of the input.</summary>
    /// <param name="gradient">That of the output.</param>
    /// <param name="target">Takes it.</param>
    /// <param name="packed">The weight, packed for this.</param>
    public void ConvolveBackward(in Activations gradient, in Activations target, float* packed)
    {
        Scratch image = Image(), rows = Rows(), products = Products();
        for (int i = 0; i < gradient.Count; i++)
        {
            image.Clear();
            for (int first = 0; first < PixelCount; first += Pixels)
            {
                int count = Math.Min(Pixels, PixelCount - first);
                CopyIn(gradient, i, first, count, products.At(0));
                for (nint column = 0; column < _row; column += Block)
                    MatrixProducts<TLanes>.Multiply(
                        products.At(0), _outputs, count, packed + column * _outputs, _outputs, rows.At(column), _row);
                Scatter(rows.At(0), first, count, image.At(0));
            }

            CopyOut(image.At(0), i, target);
        }
    }

    /// <summary>The gradient of the weight.</summary>
    /// <param name="x">The input.</param>
    /// <param name="gradient">Gradient of the output.</param>
    /// <param name="target">Takes it: [output channels, input channels, height, width], fp32, channels-last.</param>
    public void GradientOfWeight(in Activations x, in Activations gradient, Tensor target)
    {
        Scratch image = Image(), rows = Rows(), products = Products(), sums = new(Scratch.Use.Weights, (nint)_row * _outputs);
        image.Clear();
        sums.Clear();
        for (int i = 0; i < x.Count; i++)
        {
            CopyIn(x, i, image.At(0));
            for (int first = 0; first < PixelCount; first += Pixels)
            {
                int count = Math.Min(Pixels, PixelCount - first);
                Gather(image.At(0), first, count, rows.At(0));
                CopyIn(gradient, i, first, count, products.At(0));
                MatrixProducts<TLanes>.AddProducts(rows.At(0), _row, products.At(0), _outputs, count, sums.At(0));
            }
        }

        float* to = (float*)ActivationMemory.Of(target);
        for (nint column = 0; column < _window; column++)
            for (nint output = 0; output < _outputs; output++)
                to[output * _window + column] = *sums.At(column * _outputs + output);
    }

    // Copies of whole vectors may reach beyond the end.
    private Scratch Image() => new(Scratch.Use.InputRows, sizes.BorderedHeight * _borderedRow + Block);

    private Scratch Rows() => new(Scratch.Use.InputTiles, (nint)Pixels * _row + Block);

    private Scratch Products() => new(Scratch.Use.OutputTiles, (nint)Pixels * _outputs);

    private void PackForward(float* values, int block, float* packed)
    {
        for (nint i = 0; i < _row; i++)
            for (nint lane = 0; lane < Block; lane++)
                packed[i * Block + lane] = i < _window ? values[(block * Block + lane) * _window + i] : 0;
    }

    private void PackBackward(float* values, int block, float* packed)
    {
        for (nint i = 0; i < _outputs; i++)
            for (nint lane = 0, column = (nint)block * Block; lane < Block; lane++, column++)
                packed[i * Block + lane] = column < _window ? values[i * _window + column] : 0;
    }

    private float* Inside(float* image) =>
        image + sizes.Border.Top * _borderedRow + sizes.Border.Left * _channels;

    /// <summary>Copies an image into its border.</summary>
    private void CopyIn(in Activations x, int index, float* image)
    {
        byte* values = x.Values + index * x.ImageLength * TElement.Size;
        float* row = Inside(image);
        for (nint y = 0, i = 0; y < x.Height; y++, row += _borderedRow)
            for (float* to = row; to < row + x.RowLength; to += TLanes.Count, i += TLanes.Count)
                TLanes.Store(to, TElement.Load<TLanes>(values, i));
    }

    /// <summary>Copies an image out of its border.</summary>
    private void CopyOut(float* image, int index, in Activations target)
    {
        byte* values = target.Values + index * target.ImageLength * TElement.Size;
        float* row = Inside(image);
        for (nint y = 0, i = 0; y < target.Height; y++, row += _borderedRow)
            for (float* from = row; from < row + target.RowLength; from += TLanes.Count, i += TLanes.Count)
                TElement.Store(values, i, TLanes.Load(from));
    }

    /// <summary>Copies some pixels of the output's gradient.</summary>
    private void CopyIn(in Activations gradient, int index, int first, int count, float* to)
    {
        byte* values = gradient.Values + (index * gradient.ImageLength + (nint)first * _outputs) * TElement.Size;
        for (nint i = 0; i < (nint)count * _outputs; i += TLanes.Count)
            TLanes.Store(to + i, TElement.Load<TLanes>(values, i));
    }

    /// <summary>Where the window of a pixel begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint Start(int pixel)
    {
        (int y, int x) = Math.DivRem(pixel, _outputWidth);
        return y * _strideRows + (nint)x * _strideWidth * _channels;
    }

    /// <summary>The windows of some pixels as rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Gather(float* image, int first, int count, float* rows)
    {
        for (int pixel = 0; pixel < count; pixel++)
        {
            float* from = image + Start(first + pixel), to = rows + (nint)pixel * _row;
            for (int y = 0; y < _windowHeight; y++, from += _borderedRow, to += _segment)
                for (nint i = 0; i < _segment; i += TLanes.Count)
                    TLanes.Store(to + i, TLanes.Load(from + i));
            for (nint i = _window; i < _row; i += TLanes.Count, to += TLanes.Count)
                TLanes.Store(to, default);
        }
    }

    /// <summary>Adds rows to what their windows cover.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Scatter(float* rows, int first, int count, float* image)
    {
        for (int pixel = 0; pixel < count; pixel++)
        {
            float* to = image + Start(first + pixel), from = rows + (nint)pixel * _row;
            for (int y = 0; y < _windowHeight; y++, to += _borderedRow, from += _segment)
                for (nint i = 0; i < _segment; i += TLanes.Count)
                    TLanes.Store(to + i, TLanes.Load(to + i) + TLanes.Load(from + i));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(float* products, int count, float* bias, byte* shortcut, byte* output, bool activate)
    {
        TLanes floor = activate ? default : TLanes.Create(float.NegativeInfinity);
        for (nint pixel = 0, i = 0; pixel < count; pixel++)
        {
            for (nint c = 0; c < _outputs; c += TLanes.Count, i += TLanes.Count)
            {
                TLanes value = TLanes.Load(products + i);
                if (bias != null)
                    value += TLanes.Load(bias + c);
                if (shortcut != null)
                    value += TElement.Load<TLanes>(shortcut, i);
                TElement.Store(output, i, TLanes.Max(floor, value));
            }
        }
    }
}
