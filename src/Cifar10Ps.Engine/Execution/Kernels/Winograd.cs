using System.Runtime.CompilerServices;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// Convolutions three pixels wide, forward and backward, by Winograd's minimal filtering F(4 × 4, 3 × 3): a tile of 4 × 4 pixels takes a
/// quarter of the multiplications, in fp32 whatever the activations are. A few tiles are processed at a time, so that intermediate values
/// stay in the caches. Tiles at the right and lower edge may reach over it: what lies beyond is zero, and what they give there is dropped.
/// </summary>
/// <remarks>
/// A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016. With its matrices A, B and G, a tile of the output
/// is Aᵀ[(GgGᵀ) ⊙ (BᵀdB)]A for the weight g and the 6 × 6 pixels d of the input, summed over the input channels. The gradient of the
/// weight is the adjoint: Gᵀ[(AyAᵀ) ⊙ (BᵀdB)]G for the gradient y of a tile, summed over the tiles.
/// </remarks>
/// <typeparam name="TElement">How activations are stored in memory: channels-last.</typeparam>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal static unsafe class Winograd<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Places of a transformed tile: 6 × 6, row by row.</summary>
    private const int Places = 36;

    private const int Block = MatrixProducts<TLanes>.Block;

    /// <summary>Convolves, and adds a bias and a shortcut; ReLU may follow.</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="transformed">What <see cref="TransformedWeight(Tensor)"/> made of the weight.</param>
    /// <param name="bias">A number for each output channel.</param>
    /// <param name="shortcut">What is added, of the output's shape; null: nothing.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    /// <returns>[batch, output channels, height, width].</returns>
    public static Tensor Convolve(Tensor input, Tensor transformed, float[] bias, Tensor? shortcut, bool activate)
    {
        Tensor output = ActivationMemory.Like(input, bias.Length, input.shape[2], input.shape[3]);
        fixed (float* biases = bias)
            Convolve(new Activations(input), new Activations(output),
                (float*)ActivationMemory.StartOf(transformed), biases, shortcut is null ? null : ActivationMemory.Of(shortcut), activate);
        return output;
    }

    /// <summary>Convolves, and adds a bias and a shortcut; ReLU may follow.</summary>
    /// <param name="input">The input.</param>
    /// <param name="output">Takes the output; if its pixels do not follow each other in memory, four divides its height.</param>
    /// <param name="transformed">The transformed weight.</param>
    /// <param name="bias">A number for each output channel; null: none, and nothing else is added.</param>
    /// <param name="shortcut">What is added, laid out like the output, or the output itself; null: nothing.</param>
    /// <param name="activate">Whether ReLU follows; only with a bias.</param>
    /// <param name="rows">Which rows of tiles, counted through all images; null: all.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Convolve(in Activations input, in Activations output, float* transformed, float* bias, byte* shortcut, bool activate,
        (int First, int End)? rows = null)
    {
        Tiles x = new(input, output), y = new(output, input);
        nint matrix = MatrixLength(x.Channels, y.Channels);
        Scratch v = new(Scratch.Use.InputTiles, Places * x.PlaceLength), m = new(Scratch.Use.OutputTiles, Places * y.PlaceLength);
        Scratch inputRows = new(Scratch.Use.InputRows, x.RowsLength + x.BorderedLength),
            outputRows = new(Scratch.Use.OutputRows, y.RowsLength), edge = new(Scratch.Use.Edge, 2 * y.EdgeLength);
        inputRows.Clear();
        (int start, int last) = rows ?? (0, x.RowCount);
        for (int first = start; first < last; first += x.RowsPerBlock)
        {
            (int First, int End) block = (first, Math.Min(first + x.RowsPerBlock, last));
            int tiles = TransformInput(x, block, inputRows, v);
            for (int place = 0; place < Places; place++)
                for (nint i = 0; i < y.Channels; i += Block)
                    MatrixProducts<TLanes>.Multiply(v.At(place * x.PlaceLength), x.Channels, tiles,
                        transformed + place * matrix + i * x.Channels, x.Channels, m.At(place * y.PlaceLength + i), y.Channels);
            TransformOutput(y, block, outputRows, m, edge, bias, shortcut, activate);
        }
    }

    /// <summary>A weight as it is taken for many images; the same with vectors of any width.</summary>
    /// <param name="weight">[output channels, input channels, 3, 3], fp32, channels-last.</param>
    /// <returns>fp32, four times as many values.</returns>
    public static Tensor TransformedWeight(Tensor weight)
    {
        (int outputs, int inputs) = ((int)weight.shape[0], (int)weight.shape[1]);
        Tensor transformed = zeros(TransformedLength(inputs, outputs));
        TransformWeight((float*)ActivationMemory.Of(weight), inputs, outputs, (float*)ActivationMemory.StartOf(transformed));
        return transformed;
    }

    /// <summary>Transforms a weight.</summary>
    /// <param name="weight">[output channels, 3, 3, input channels].</param>
    /// <param name="inputs">Number of input channels.</param>
    /// <param name="outputs">Number of output channels.</param>
    /// <param name="transformed">Takes <see cref="TransformedLength"/> values, aligned to 64 bytes.</param>
    public static void TransformWeight(float* weight, int inputs, int outputs, float* transformed)
    {
        for (int block = 0; block < outputs / Block; block++)
            WinogradTransforms<TLanes>.TransformWeight(
                weight, inputs, outputs, isBackward: false, block, transformed, MatrixLength(inputs, outputs));
    }

    /// <summary>Transforms a weight into memory of the calling thread, where the next weight will lie.</summary>
    /// <param name="weight">[output channels, input channels, 3, 3], fp32, channels-last.</param>
    /// <param name="isBackward">Whether it is for the gradient of the input.</param>
    /// <param name="shared">Takes the blocks of output channels.</param>
    public static float* TransformWeight(Tensor weight, bool isBackward, SharedWork shared)
    {
        (int outputs, int inputs) = ((int)weight.shape[isBackward ? 1 : 0], (int)weight.shape[isBackward ? 0 : 1]);
        float* values = (float*)ActivationMemory.Of(weight);
        float* target = new Scratch(Scratch.Use.Weights, TransformedLength(inputs, outputs)).At(0);
        shared.ForEach(outputs / Block, block => WinogradTransforms<TLanes>.TransformWeight(
            values, inputs, outputs, isBackward, block, target, MatrixLength(inputs, outputs)));
        return target;
    }

    /// <summary>Number of values of a transformed weight.</summary>
    public static int TransformedLength(int inputs, int outputs) => Places * (int)MatrixLength(inputs, outputs);

    /// <summary>The gradient of the weight.</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="gradient">That of the output.</param>
    /// <param name="target">Takes it: [output channels, input channels, 3, 3], fp32, channels-last.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void GradientOfWeight(Tensor input, Tensor gradient, Tensor target)
    {
        Tiles x = new(new Activations(input), new Activations(gradient)), y = new(new Activations(gradient), new Activations(input));
        nint matrix = MatrixLength(x.Channels, y.Channels);
        Scratch v = new(Scratch.Use.InputTiles, Places * x.PlaceLength), z = new(Scratch.Use.OutputTiles, Places * y.PlaceLength),
            sums = new(Scratch.Use.Weights, Places * matrix);
        Scratch inputRows = new(Scratch.Use.InputRows, x.RowsLength + x.BorderedLength),
            gradientRows = new(Scratch.Use.OutputRows, y.RowsLength), edge = new(Scratch.Use.Edge, y.EdgeLength);
        sums.Clear();
        inputRows.Clear();
        gradientRows.Clear();
        for (int first = 0; first < x.RowCount; first += x.RowsPerBlock)
        {
            (int First, int End) block = (first, Math.Min(first + x.RowsPerBlock, x.RowCount));
            int tiles = TransformInput(x, block, inputRows, v);
            _ = TransformGradient(y, block, gradientRows, z, edge);
            for (int place = 0; place < Places; place++)
                MatrixProducts<TLanes>.AddProducts(v.At(place * x.PlaceLength), x.Channels, z.At(place * y.PlaceLength), y.Channels,
                    tiles, sums.At(place * matrix));
        }

        WinogradTransforms<TLanes>.WeightGradient(sums.At(0), matrix, (int)x.Channels, (int)y.Channels,
            (float*)ActivationMemory.Of(target));
    }

    /// <summary>Values of the weights for one place, with a gap like that of <see cref="Tiles.PlaceLength"/>.</summary>
    private static nint MatrixLength(nint inputs, nint outputs) => inputs * outputs + Block;

    /// <summary>BᵀdB of a block of tiles: first down all columns of a row of tiles, then along the rows of each.</summary>
    /// <remarks>The seventh row is zero: what lies above and below an image.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int TransformInput(in Tiles x, (int First, int End) block, Scratch rows, Scratch places)
    {
        byte** pixels = stackalloc byte*[6];
        (int first, int end) = block;
        for (int row = first; row < end; row++)
        {
            int image = row / x.RowsPerImage, top = row % x.RowsPerImage * 4;
            for (int i = 0; i < 6; i++)
                pixels[i] = top + i is > 0 and int below && below <= x.Height
                    ? x.Values + x.Offset(image, below - 1) : (byte*)rows.At(x.RowsLength);
            // One pixel of zeros on each side.
            WinogradTransforms<TLanes>.InputColumns<TElement>(pixels, x.Width * x.Channels, rows.At(x.Channels), x.BorderedLength);
            for (nint tile = 0; tile < x.TilesPerRow; tile++)
                WinogradTransforms<TLanes>.InputRows(rows.At(4 * tile * x.Channels), x.BorderedLength, x.Channels,
                    places.At(((row - first) * x.TilesPerRow + tile) * x.Channels), x.PlaceLength);
        }

        return (int)((end - first) * x.TilesPerRow);
    }

    /// <summary>AyAᵀ of a block of tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int TransformGradient(in Tiles y, (int First, int End) block, Scratch rows, Scratch places, Scratch edge)
    {
        (int first, int end) = block;
        for (int row = first; row < end; row++)
        {
            byte* pixels = y.Values + y.Offset(row / y.RowsPerImage, row % y.RowsPerImage * 4);
            if (y.BytesInside(row) is nint inside && inside < y.TileRowBytes)
            {
                new Span<byte>(edge.At(0), (int)y.TileRowBytes).Clear();
                Buffer.MemoryCopy(pixels, edge.At(0), inside, inside);
                pixels = (byte*)edge.At(0);
            }

            WinogradTransforms<TLanes>.GradientColumns<TElement>(pixels, y.Width * y.Channels, rows.At(0), y.BorderedLength);
            for (nint tile = 0; tile < y.TilesPerRow; tile++)
                WinogradTransforms<TLanes>.GradientRows(rows.At(4 * tile * y.Channels), y.BorderedLength, y.Channels,
                    places.At(((row - first) * y.TilesPerRow + tile) * y.Channels), y.PlaceLength);
        }

        return (int)((end - first) * y.TilesPerRow);
    }

    /// <summary>AᵀmA of a block of tiles: first along the rows of each tile, then down all columns of a row of tiles;
    /// last, a bias, a shortcut and ReLU.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformOutput(in Tiles y, (int First, int End) block, Scratch rows, Scratch places, Scratch edge, float* bias,
        byte* shortcut, bool activate)
    {
        (int first, int end) = block;
        for (int row = first; row < end; row++)
        {
            for (nint tile = 0; tile < y.TilesPerRow; tile++)
                WinogradTransforms<TLanes>.OutputRows(places.At(((row - first) * y.TilesPerRow + tile) * y.Channels), y.PlaceLength,
                    y.Channels, rows.At(4 * tile * y.Channels), y.BorderedLength);
            nint offset = y.Offset(row / y.RowsPerImage, row % y.RowsPerImage * 4), length = y.Width * y.Channels;
            nint inside = y.BytesInside(row);
            bool isWhole = inside == y.TileRowBytes;
            byte* pixels = isWhole ? y.Values + offset : (byte*)edge.At(0), added = shortcut == null ? null : shortcut + offset;
            if (!isWhole && shortcut != null)
            {
                Buffer.MemoryCopy(added, edge.At(y.EdgeLength), inside, inside);
                added = (byte*)edge.At(y.EdgeLength);
            }

            if (bias == null)
                WinogradTransforms<TLanes>.OutputColumns<TElement>(rows.At(0), y.BorderedLength, pixels, length);
            else
                WinogradTransforms<TLanes>.BiasedColumns<TElement>(rows.At(0), y.BorderedLength, bias, y.Channels, added, pixels, length,
                    isWhole ? y.RowLength : length, y.PixelLength, activate);
            if (!isWhole)
                Buffer.MemoryCopy(pixels, y.Values + offset, inside, inside);
        }
    }

    /// <summary>
    /// Activations in tiles of 4 × 4 pixels; a block is some rows of tiles, if there are that many one to four groups, or four times as
    /// many with many channels, whose weights do not fit the caches.
    /// </summary>
    private readonly ref struct Tiles
    {
        private const int FewChannels = 64;

        private static int FewTiles => MatrixProducts<TLanes>.IsWide ? 16 : 24;

        private readonly nint _imageLength;

        public Tiles(in Activations activations, in Activations others)
        {
            Values = activations.Values;
            (Channels, Height, Width) = (activations.Channels, activations.Height, activations.Width);
            (PixelLength, RowLength, _imageLength) = (activations.PixelLength, activations.RowLength, activations.ImageLength);
            (RowsPerImage, TilesPerRow) = ((Height + 3) / 4, (Width + 3) / 4);
            int tilesPerBlock = Math.Max(Channels, others.Channels) <= FewChannels ? FewTiles : 4 * FewTiles;
            RowsPerBlock = (int)Math.Max(1, tilesPerBlock / TilesPerRow);
            RowCount = activations.Count * RowsPerImage;
            BorderedLength = (4 * TilesPerRow + 2) * Channels;
            RowsLength = 6 * BorderedLength;
            // Whole groups of tiles; and a gap, because places that are a multiple of 4 KB apart would compete for the same cache lines.
            int group = MatrixProducts<TLanes>.Group;
            PlaceLength = (RowsPerBlock * TilesPerRow + group - 1) / group * group * Channels + Block;
        }

        public byte* Values { get; }

        public nint Channels { get; }

        public int Height { get; }

        public nint Width { get; }

        /// <summary>Values from one row of pixels to the next.</summary>
        public nint RowLength { get; }

        /// <summary>Values from one pixel to the next.</summary>
        public nint PixelLength { get; }

        public int RowsPerImage { get; }

        public nint TilesPerRow { get; }

        /// <summary>Rows of tiles of all images.</summary>
        public int RowCount { get; }

        /// <summary>Rows of tiles that are transformed and multiplied at a time.</summary>
        public int RowsPerBlock { get; }

        /// <summary>Bytes of four rows of pixels.</summary>
        public nint TileRowBytes => 4 * Width * Channels * TElement.Size;

        /// <summary>As many bytes in fp32: the four rows of the tiles at the lower edge, part of which may lie beyond it.</summary>
        public nint EdgeLength => TileRowBytes / sizeof(float);

        /// <summary>Values of a row of the tiles' pixels with a border on both sides.</summary>
        public nint BorderedLength { get; }

        /// <summary>Values of the six rows that a row of tiles becomes.</summary>
        public nint RowsLength { get; }

        /// <summary>Values of a block for one of the 36 places of a tile: [tile, channel].</summary>
        public nint PlaceLength { get; }

        /// <summary>Bytes of the rows of pixels of a row of tiles that lie inside the image.</summary>
        public nint BytesInside(int row) => TileRowBytes / 4 * Math.Min(4, Height - row % RowsPerImage * 4);

        /// <summary>Bytes to a row of pixels.</summary>
        public nint Offset(int image, int y) => (image * _imageLength + y * RowLength) * TElement.Size;
    }
}
