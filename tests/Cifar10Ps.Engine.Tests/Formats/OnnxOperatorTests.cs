using Cifar10Ps.Formats;

namespace Cifar10Ps.Tests;

/// <summary>Handmade ONNX graphs: how operators become layers and weights.</summary>
public sealed class OnnxOperatorTests : OnnxTestBase
{
    [Theory]
    [InlineData("SAME_UPPER", 3, 2)]
    [InlineData("SAME_LOWER", 4, 2)]
    [InlineData("SAME_UPPER", 2, 3)]
    [InlineData("VALID", 5, 3)]
    public void Padding_that_the_runtime_computes_is_computed(string padding, int size, int stride)
    {
        Write((graph, image) =>
        {
            string weight = graph.Constant("w", OnnxGraphs.Images(size * size, 1, 4), 4, 3, size, size);
            string x = graph.Operation("Conv", "c", [image, weight],
                Text("auto_pad", padding), Integers("strides", stride, stride));
            x = graph.Operation("MaxPool", "m", [x], Text("auto_pad", padding), Integers("kernel_shape", 3, 3), Integers("strides", 2, 2));
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Theory]
    [InlineData("SAME_UPPER", 3, 3)]
    [InlineData("NOTSET", 3, 2)]
    public void A_border_before_a_mean_counts_where_sizes_are_computed(string padding, int size, int stride)
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("Pad", "p", [image, graph.Constant("pads", 0L, 0, 1, 1, 0, 0, 0, 0)]);
            x = graph.Operation("AveragePool", "a", [x], Text("auto_pad", padding), Integers("kernel_shape", size, size),
                Integers("strides", stride, stride), OnnxGraph.Attribute("ceil_mode", padding == "NOTSET" ? 1 : 0));
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void A_border_around_the_mean_of_all_pixels_is_refused()
    {
        Write((graph, image) =>
        {
            string weight = graph.Constant("w", OnnxGraphs.Images(1, 2, 2), 4, 3, 1, 1);
            string x = graph.Operation("Conv", "c", [graph.Operation("GlobalAveragePool", "g", [image]), weight],
                Integers("pads", 1, 1, 1, 1));
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "h", [x])]);
        });

        Assert.Contains("border around the mean", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_weight_may_be_transposed_more_than_once(int count)
    {
        WriteTransposed(count);

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void A_weight_that_is_transposed_endlessly_is_refused()
    {
        WriteTransposed(20_000);

        Assert.Contains("transposes", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    /// <summary>As PyTorch's newer exporter writes <c>x.view(x.size(0), -1)</c>.</summary>
    [Theory]
    [InlineData(0L, 1L)]
    [InlineData(-4L, -3L)]
    public void A_part_of_a_shape_is_read(long start, long end)
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("GlobalAveragePool", "g", [image]);
            string batch = graph.Operation("Shape", "s", [x], OnnxGraph.Attribute("start", start), OnnxGraph.Attribute("end", end));
            return graph.Operation("Reshape", "r", [x, graph.Operation("Concat", "c", [batch, graph.Constant("three", 3L)],
                OnnxGraph.Attribute("axis", 0L))]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void Copies_of_a_matrix_that_nothing_needs_are_not_computed()
    {
        Write((graph, image) =>
        {
            string matrix = graph.Constant("w", new float[512 * 512], 512, 512);
            string[] copies = [.. Enumerable.Range(0, 400).Select(i => graph.Operation("Cast", $"c{i}",
                [graph.Operation("Transpose", $"t{i}", [matrix])], OnnxGraph.Attribute("to", 1L)))];
            return graph.Operation("Reshape", "r", [graph.Operation("GlobalAveragePool", "g", [image]),
                graph.Operation("Concat", "all", copies, OnnxGraph.Attribute("axis", 0L))]);
        });

        AssertRefusedInLittleMemory();
    }

    [Fact]
    public void A_chain_of_factors_for_many_channels_is_refused()
    {
        Write((graph, image) =>
        {
            const int Channels = 16_384;
            string x = graph.Operation("Conv", "conv", [image, graph.Constant("w", new float[3 * Channels], Channels, 3, 1, 1)]);
            string factor = graph.Constant("f", new float[Channels], Channels, 1, 1);
            for (int i = 0; i < 2_000; i++)
                x = graph.Operation("Mul", $"m{i}", [x, factor]);
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertRefusedInLittleMemory();
    }

    [Fact]
    public void Constants_that_are_filled_with_a_number_keep_it()
    {
        Write((graph, image) =>
        {
            ProtobufMessage one = new ProtobufMessage().Add(1, 1L).Add(2, 1L).Add(9, new[] { 1.5f });
            string scale = graph.Operation("ConstantOfShape", "scale", [graph.Constant("shape", 3L)],
                new ProtobufMessage().Add(1, "value").Add(5, one).Add(20, 4L));
            string x = graph.Operation("BatchNormalization", "n", [image, scale, graph.Constant("b", [1f, 2, 3], 3),
                graph.Constant("mean", [0.1f, 0.2f, 0.3f], 3), scale]);
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void Constants_that_are_added_and_multiplied_become_biases_and_weights()
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("Sub", "s", [image, graph.Constant("mean", [0.1f, 0.2f, 0.3f], 3, 1, 1)]);
            x = graph.Operation("Div", "d", [x, graph.Constant("deviation", [0.5f])]);
            x = graph.Operation("Conv", "c", [x, graph.Constant("w", OnnxGraphs.Images(3, 2, 2), 4, 3, 1, 3)]);
            x = graph.Operation("Mul", "p", [graph.Constant("scale", [1, 2, 3, 4], 1, 4, 1, 1), x]);
            x = graph.Operation("Add", "a", [x, graph.Constant("shift", [4, 3, 2, 1], 4, 1, 1)]);
            x = graph.Operation("ReduceMean", "r", [x], Integers("axes", -2, -1), OnnxGraph.Attribute("keepdims", 0));
            x = graph.Operation("MatMul", "m", [x, graph.Constant("fc", OnnxGraphs.Images(1, 2, 2), 4, 3)]);
            x = graph.Operation("Add", "b", [graph.Constant("bias", [1, 2, 3], 3), x]);
            return graph.Operation("Softmax", "o", [x], OnnxGraph.Attribute("axis", -1));
        });
        ImageClassifier model = ModelFile.Load(File, Plain);

        Assert.Equal(
            [LayerKind.Input, LayerKind.Convolution, LayerKind.Convolution, LayerKind.AveragePool, LayerKind.Linear],
            model.Network.Layers.Select(layer => layer.Kind));
        AssertLikeRuntime(model, hasSoftmax: true);
    }

    [Theory]
    [InlineData("Softmax", 17, -1, "")]
    [InlineData("Softmax", 17, 1, "")]
    [InlineData("Softmax", 17, null, "")]
    [InlineData("Softmax", 11, null, "")]
    [InlineData("LogSoftmax", 17, -1, "")]
    [InlineData("LogSoftmax", 11, 1, "")]
    [InlineData("Softmax", 17, 1, "map")]
    [InlineData("Softmax", 17, -3, "map")]
    [InlineData("LogSoftmax", 17, 1, "map")]
    [InlineData("Softmax", 11, null, "map")]
    [InlineData("Softmax", 17, -1, "Flatten")]
    [InlineData("LogSoftmax", 17, 1, "Identity")]
    [InlineData("Softmax", 17, 1, "divided")]
    public void A_softmax_at_the_end_is_left_out(string type, int operatorSet, int? axis, string around)
    {
        bool isLog = type == "LogSoftmax";
        Write((graph, image) =>
        {
            string x = graph.Operation("Conv", "c", [image, graph.Constant("w", OnnxGraphs.Images(3, 2, 2), 4, 3, 1, 3)]);
            x = graph.Operation("GlobalAveragePool", "g", [x]);
            if (around != "map")
                x = graph.Operation("Flatten", "f", [x]);
            if (around == "divided")
                x = graph.Operation("Div", "d", [x, graph.Constant("t", [2.5f])]);
            x = graph.Operation(type, "s", [x], [.. axis is int a ? new[] { OnnxGraph.Attribute("axis", a) } : []]);
            return around is "map" or "Flatten" ? graph.Operation("Flatten", "o", [x])
                : around == "Identity" ? graph.Operation("Identity", "o", [x]) : x;
        }, operatorSet);
        List<string> told = [];

        ImageClassifier model = ModelFile.Load(File,
            new ImportOptions { Mean = Plain.Mean, StandardDeviation = Plain.StandardDeviation, Tell = told.Add });

        Assert.Equal(around == "divided" ? 2.5 : 1, model.Temperature);
        Assert.Contains($"It ends with the operator '{type}' (node 's'), which is left out", Assert.Single(told), StringComparison.Ordinal);
        float[] images = OnnxGraphs.Images(2, 32, 32);
        IEnumerable<float> expected = OnnxGraphs.ByEngine(model, images).Chunk(4)
            .SelectMany(logits => Softmax([.. logits.Select(logit => (float)(logit / model.Temperature))]))
            .Select(p => isLog ? MathF.Log(p) : p);
        Assert.InRange(OnnxGraphs.Difference(OnnxGraphs.ByRuntime(File, images, 32, 32), [.. expected]), 0, Tolerance);
    }

    [Theory]
    [InlineData(true, -1, "it runs over the axis -1, but only the classes are supported")]
    [InlineData(true, 2, "it runs over the axis 2, but only the classes are supported")]
    [InlineData(false, 1, "it takes the result of the operator 'Softmax' (node 's'), which is supported only at the end")]
    public void A_softmax_over_anything_else_or_before_the_end_is_refused(bool isLast, int axis, string because)
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("Conv", "c", [image, graph.Constant("w", OnnxGraphs.Images(3, 2, 2), 4, 3, 1, 3)]);
            x = graph.Operation("Softmax", "s", [x], OnnxGraph.Attribute("axis", axis));
            return isLast ? x : graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        Assert.Contains(because, Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    private void WriteTransposed(int count) => Write((graph, image) =>
    {
        string weight = graph.Constant("w", OnnxGraphs.Images(1, 2, 2), count % 2 == 0 ? [3, 4] : [4, 3]);
        for (int i = 0; i < count; i++)
            weight = graph.Operation("Transpose", $"t{i}", [weight]);
        string x = graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [image])]);
        return graph.Operation("MatMul", "m", [x, weight]);
    });

    private void AssertRefusedInLittleMemory()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused("InvalidOnnx");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 300_000_000);
    }
}
