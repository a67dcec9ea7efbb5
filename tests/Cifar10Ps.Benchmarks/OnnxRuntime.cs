using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace Cifar10Ps.Benchmarks;

/// <summary>Our network in ONNX Runtime: fp32, with the runtime's own threads and settings.</summary>
internal sealed class OnnxRuntime : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();
    private readonly InferenceSession _session;

    private OnnxRuntime()
    {
        string path = Path.Combine(_folder.FullName, "model.onnx");
        ModelFile.Export(Models.NewResNet20(ImageClassifier.PlaceholderClasses(10), 0), path, ModelFormat.Onnx);
        _session = new InferenceSession(path);
    }

    /// <summary>Images a second in batches.</summary>
    public static double Inference(int batchSize, int warmUp, int steps)
    {
        using OnnxRuntime runtime = new();
        using OrtValue images = Images(batchSize);
        for (int i = 0; i < warmUp; i++)
            runtime.Run(images);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < steps; i++)
            runtime.Run(images);
        return batchSize * steps / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Milliseconds of one image, by the clock of <paramref name="median"/>.</summary>
    public static double SingleImage(Func<int, Action, double> median)
    {
        using OnnxRuntime runtime = new();
        using OrtValue image = Images(1);
        return median(3_000, () => runtime.Run(image));
    }

    public void Dispose()
    {
        _session.Dispose();
        _folder.Delete(recursive: true);
    }

    private static OrtValue Images(int count) =>
        OrtValue.CreateTensorValueFromMemory(
            Enumerable.Range(0, count * 3 * 32 * 32).Select(i => i % 255 / 127f - 1).ToArray(), [count, 3, 32, 32]);

    private void Run(OrtValue images)
    {
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, _session.InputNames, [images], _session.OutputNames);
    }
}
