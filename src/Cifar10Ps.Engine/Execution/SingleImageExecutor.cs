using System.Runtime.InteropServices;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// Inference for one image, in fp32 and without libtorch, whose overhead is about as long as the convolution of one image. Batch norm is
/// folded into the convolutions. It computes the networks of <see cref="KernelSupport.HasSingleImage(Network, IReadOnlyList{Shape})"/>.
/// </summary>
internal sealed class SingleImageExecutor : IExecutor
{
    private readonly List<Action> _steps = [];
    private readonly SharedWork _shared = new();
    private bool _needsHelper;
    private readonly FeatureMap _image, _features;
    private readonly float[] _weight, _bias;

    /// <summary>Folds weights and allocates the activations.</summary>
    /// <param name="network">The network.</param>
    /// <param name="values">Its values.</param>
    /// <param name="image">Size of the images.</param>
    /// <param name="isShared">Whether a second thread takes half of each convolution.</param>
    public SingleImageExecutor(Network network, StateDict values, Shape image, bool isShared = false)
    {
        _needsHelper = isShared;
        Shape[] shapes = network.Shapes(image.Height, image.Width);
        Layer classifier = network.Classifier!;
        int pool = KernelSupport.Pooled(network)!.Value;
        Unit[] units = [.. Unit.Of(network).TakeWhile(unit => unit.Output != pool)];
        FeatureMap[] maps = new FeatureMap[network.Layers.Count];
        List<FeatureMap> free = [];
        _image = maps[0] = new FeatureMap(image.Height, image.Width, image.Channels);
        foreach (Unit unit in units)
        {
            int input = network.Layers[unit.Layer].Inputs[0];
            FeatureMap x = maps[input];
            // A shortcut that nothing else needs is overwritten with the sum, unless the convolution still reads it.
            bool inPlace = unit.Shortcut is int only && only != input && IsLastUse(only, unit);
            FeatureMap y = maps[unit.Output] = inPlace ? maps[unit.Shortcut!.Value] : Room(shapes[unit.Output]);
            if (network.Layers[unit.Layer].Operation is ZeroPad)
            {
                _steps.Add(() => Pad(x, y));
            }
            else
            {
                FoldedConvolution folded = FoldedConvolution.Of(network, unit, values);
                ISingleImageConvolution convolution = Convolution(folded, shapes[input]);
                (bool adds, bool activates) = (unit.Shortcut is not null, unit.Activation is not null);
                if (adds && !inPlace)
                {
                    FeatureMap shortcut = maps[unit.Shortcut!.Value];
                    _steps.Add(() => shortcut.Values.CopyTo(y.Values, 0));
                }

                _steps.Add(() => convolution.Apply(x, y, adds, activates, _shared));
            }

            foreach (int used in new[] { input, unit.Shortcut ?? input }.Distinct())
                if (used > 0 && maps[used] != y && IsLastUse(used, unit))
                    free.Add(maps[used]);
        }

        _features = maps[network.Layers[pool].Inputs[0]];
        _weight = values[classifier.Tensor(TensorRole.LinearWeight)!.Name];
        _bias = classifier.Tensor(TensorRole.LinearBias) is { } bias ? values[bias.Name] : new float[network.ClassCount];

        // Uses by units are in their order; the layers of a unit need nothing after its output.
        bool IsLastUse(int layer, Unit unit) => network.ConsumersOf(layer)
            .All(consumer => consumer != pool && Array.Find(units, other => other.Layers.Contains(consumer))!.Output <= unit.Output);

        FeatureMap Room(Shape shape)
        {
            FeatureMap? found = free.Find(map => (map.Channels, map.Height, map.Width) == (shape.Channels, shape.Height, shape.Width));
            if (found is null)
                return new FeatureMap(shape.Height, shape.Width, shape.Channels);
            free.Remove(found);
            return found;
        }
    }

    /// <inheritdoc/>
    public Tensor Forward(Tensor images)
    {
        using Tensor pixels = images.permute(0, 2, 3, 1).contiguous();
        int length = _image.Width * _image.Height * _image.Channels, count = (int)images.shape[0];
        Tensor logits = empty(count, _bias.Length);
        for (int i = 0; i < count; i++)
            Logits(MemoryMarshal.Cast<byte, float>(pixels.bytes).Slice(i * length, length))
                .CopyTo(MemoryMarshal.Cast<byte, float>(logits.bytes)[(i * _bias.Length)..]);
        return logits;
    }

    /// <summary>Computes logits; one image at a time.</summary>
    /// <param name="pixels">A normalised image: [height, width, 3].</param>
    /// <returns>A logit for each class.</returns>
    public float[] Logits(ReadOnlySpan<float> pixels)
    {
        if (_needsHelper)
        {
            KeptThread.Start(_shared.Help);
            _needsHelper = false;
        }

        int rowLength = _image.Width * _image.Channels;
        for (int y = 0; y < _image.Height; y++)
            pixels.Slice(y * rowLength, rowLength).CopyTo(_image.Row(y));
        foreach (Action step in _steps)
            step();
        return Classify(_features);
    }

    /// <inheritdoc/>
    public void Dispose() => _shared.End();

    private static ISingleImageConvolution Convolution(FoldedConvolution folded, Shape input)
    {
        bool isWinograd = KernelSupport.HasSingleImageWinograd(folded.Operation, input);
        return KernelSupport.Lanes switch { 16 => Create<Lanes16>(), 8 => Create<Lanes8>(), _ => Create<Lanes4>() };

        SingleImageConvolution<TLanes> Create<TLanes>()
            where TLanes : struct, ILanes<TLanes> =>
            new(folded.Weight, folded.Bias, folded.Operation.InputChannels, folded.Operation.Window.Size.Height, isWinograd);
    }

    /// <summary>Every second pixel, and twice the channels, of which the new ones are zero.</summary>
    private static void Pad(FeatureMap x, FeatureMap output)
    {
        for (int y = 0; y < output.Height; y++)
        {
            Span<float> from = x.Row(2 * y), to = output.Row(y);
            to.Clear();
            for (int pixel = 0; pixel < output.Width; pixel++)
                from.Slice(2 * pixel * x.Channels, x.Channels).CopyTo(to[(pixel * output.Channels + x.Channels / 2)..]);
        }
    }

    private float[] Classify(FeatureMap x)
    {
        double[] means = new double[x.Channels];
        for (int y = 0; y < x.Height; y++)
            for (Span<float> row = x.Row(y); row.Length > 0; row = row[x.Channels..])
                for (int c = 0; c < means.Length; c++)
                    means[c] += row[c] / (double)(x.Width * x.Height);

        return [.. _bias.Select((bias, n) => (float)(bias + means.Select((mean, c) => mean * _weight[n * means.Length + c]).Sum()))];
    }
}
