using Cifar10Ps.Formats;

namespace Cifar10Ps.Tests;

/// <summary>ONNX files that cannot be used, and what is said about them.</summary>
public sealed class OnnxRefusalTests : OnnxTestBase
{
    [Theory]
    [InlineData("LSTM", "rnn", "the operator 'LSTM' (node 'rnn') is not supported")]
    [InlineData("Conv\u001b[31m", "\n", @"the operator 'Conv\u001b[31m' (node '\u000a') is not supported")]
    [InlineData("Mul", "gate", "the operator 'Mul' (node 'gate') cannot be used: it multiplies two feature maps")]
    [InlineData("Erf", "erf", "the operator 'Erf' (node 'erf') cannot be used: it is supported only as a part of GELU")]
    [InlineData("ReduceMean", "mean", "its input 'image' has to be a constant shape")]
    [InlineData("Sub", "minus", "it subtracts something other than a constant")]
    [InlineData("Concat", "join", "it joins feature maps")]
    [InlineData("Transpose", "turn", "it changes the order of dimensions")]
    public void What_is_not_supported_is_named(string type, string node, string because)
    {
        Write((graph, image) =>
            graph.Operation("GlobalAveragePool", "pool", [graph.Operation(type, node, [image, image], OnnxGraph.Attribute("axis", 1))]));

        EngineException error = Refused("InvalidOnnx");

        Assert.Contains(because, error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"'{File}' is not a usable ONNX graph: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dilations", 2, "its dilations are 2 x 2, but only 1 is supported")]
    [InlineData("strides", 0, "its stride is 0 x 0")]
    [InlineData("kernel_shape", 5, "its window of 5 x 5 pixels is not that of its weight, 3 x 3")]
    [InlineData("pads", 1, "its padding has 2 numbers, not 4")]
    public void A_setting_that_a_convolution_cannot_have_is_named(string setting, int value, string because)
    {
        Write((graph, image) =>
        {
            string[] x = [image, graph.Constant("w", new float[54], 2, 3, 3, 3)];
            return graph.Operation("GlobalAveragePool", "pool", [graph.Operation("Conv", "c", x, Integers(setting, value, value))]);
        });

        string message = Refused("InvalidOnnx").Message;

        Assert.Contains($"the operator 'Conv' (node 'c') cannot be used: {because}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_size_that_is_rounded_up_is_refused_where_it_makes_a_difference()
    {
        void WritePooled(int size) => Write((graph, image) =>
        {
            ProtobufMessage[] settings =
                [Integers("kernel_shape", size, size), Integers("strides", 2, 2), OnnxGraph.Attribute("ceil_mode", 1)];
            return graph.Operation("GlobalAveragePool", "pool", [graph.Operation("MaxPool", "m", [image], settings)]);
        });

        WritePooled(2);
        Assert.Equal(3, ModelFile.Load(File, Plain).Classes.Length);
        WritePooled(3);
        Assert.Contains("ceil_mode", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_graph_takes_and_gives_has_to_be_images_and_one_vector()
    {
        foreach ((object[] axes, string because) in new (object[], string)[]
        {
            ([1, 1, 32, 32], "[1, 1, 32, 32]; only images of three channels"),
            (["n", 3, 32], "[any, 3, 32]; only [batch, 3, height, width] is supported"),
            ([1, 3, 2_000, 32], "images of 8 to 1024 pixels"),
        })
        {
            Write((graph, image) => graph.Operation("GlobalAveragePool", "pool", [image]), 17, axes);
            Assert.Contains(because, Refused("InvalidOnnx").Message, StringComparison.Ordinal);
        }

        Write((graph, image) => graph.Operation("Relu", "relu", [image]));
        Assert.Contains("has to end with", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
        Write((graph, image) =>
        {
            graph.Output(graph.Operation("Relu", "relu", [image]), "", ("n", ""));
            return graph.Operation("GlobalAveragePool", "pool", ["relu"]);
        });
        Assert.Contains("it has the outputs 'relu', 'pool'", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void How_pictures_become_input_has_to_be_known()
    {
        Write((graph, image) => graph.Operation("GlobalAveragePool", "pool", [image]), 17, "n", 3, 48, 64);

        Assert.Equal("PreprocessingUnknown", Assert.Throws<EngineException>(() => ModelFile.Load(File)).ErrorId);
        // In another program's file, the keys of this module may mean anything.
        byte[] foreign = OnnxGraphs.WithMetadata(System.IO.File.ReadAllBytes(File), ("network", "resnet"), ("classes", "red,green,blue"));
        System.IO.File.WriteAllBytes(File, foreign);
        Preprocessing given = ModelFile.Load(File, Plain).Preprocessing;
        Assert.Equal((64, 48), (given.Width, given.Height));
        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(File, Plain with { Key = "student" }));
        Assert.Equal("NetworkNotFound", error.ErrorId);
    }

    [Fact]
    public void Weights_in_another_file_and_weights_that_are_not_there_are_refused()
    {
        ProtobufMessage Tensor(params long[] shape) =>
            shape.Aggregate(new ProtobufMessage(), (tensor, size) => tensor.Add(1, size)).Add(2, 1L).Add(8, "w");
        ProtobufMessage place = new ProtobufMessage().Add(1, "location").Add(2, "weights.bin");
        foreach ((ProtobufMessage tensor, string because) in new[]
        {
            (Tensor(4).Add(13, place).Add(14, 1L), "'w' stores its values in another file"),
            (Tensor(long.MaxValue, long.MaxValue), "'w' claims a shape that the file has no values for"),
            (Tensor(3, 1, 1).Add(9, [1f, 2f]), "'w' has 8 bytes of values, but its shape [3, 1, 1] needs 12"),
        })
        {
            Write((graph, image) =>
            {
                graph.Message.Add(5, tensor);
                return graph.Operation("GlobalAveragePool", "pool", [graph.Operation("Add", "a", [image, "w"])]);
            });
            Assert.Contains(because, Refused("InvalidOnnx").Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1, "it has no graph")]
    [InlineData(2, "cut off")]
    public void A_file_that_is_cut_off_is_refused(int kind, string because)
    {
        byte[] whole = OnnxGraphs.File((graph, image) => graph.Operation("GlobalAveragePool", "pool", [image]));
        System.IO.File.WriteAllBytes(File, kind == 1 ? [0x08, 0x03, 0x3a, 0x00, 0x00] : whole[..20]);

        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(File, Plain));

        Assert.Equal("InvalidOnnx", error.ErrorId);
        Assert.Contains(kind == 1 ? "damaged" : because, error.Message, StringComparison.Ordinal);
    }
}
