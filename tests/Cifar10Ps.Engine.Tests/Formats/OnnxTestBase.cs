using Cifar10Ps.Formats;

namespace Cifar10Ps.Tests;

/// <summary>An ONNX file, and what is expected when it is read as a model.</summary>
public abstract class OnnxTestBase : IDisposable
{
    private protected const double Tolerance = 1e-4;

    private protected static readonly ImportOptions Plain = new() { Mean = [0, 0, 0], StandardDeviation = [1, 1, 1] };

    private protected readonly string _folder = Directory.CreateTempSubdirectory("cifar10ps-onnx-").FullName;

    private protected string File => Path.Combine(_folder, "model.onnx");

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected void Write(Func<OnnxGraph, string, string> graph, int operatorSet = 17, params object[] axes) =>
        System.IO.File.WriteAllBytes(File, OnnxGraphs.File(graph, operatorSet, axes));

    /// <summary>Asserts that a model gives the same output as ONNX Runtime for the file.</summary>
    private protected void AssertLikeRuntime(ImageClassifier model, bool hasSoftmax = false)
    {
        float[] images = OnnxGraphs.Images(2, 32, 32), outputs = OnnxGraphs.ByEngine(model, images);
        if (hasSoftmax)
            outputs = [.. outputs.Chunk(model.Classes.Length).SelectMany(Softmax)];
        Assert.InRange(OnnxGraphs.Difference(OnnxGraphs.ByRuntime(File, images, 32, 32), outputs), 0, Tolerance);
    }

    private protected EngineException Refused(string id)
    {
        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(File, Plain));
        Assert.Equal(id, error.ErrorId);
        return error;
    }

    private protected static IEnumerable<float> Softmax(float[] logits)
    {
        double[] powers = [.. logits.Select(v => Math.Exp(v - (double)logits.Max()))];
        return powers.Select(p => (float)(p / powers.Sum()));
    }

    private protected static ProtobufMessage Integers(string name, params long[] values) => OnnxGraph.Attribute(name, values);

    /// <summary>A text: s 4, of type 3.</summary>
    private protected static ProtobufMessage Text(string name, string value) =>
        new ProtobufMessage().Add(1, name).Add(4, value).Add(20, 3L);
}
