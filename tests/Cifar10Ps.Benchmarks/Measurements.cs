using System.Diagnostics;
using System.Management.Automation.Runspaces;
using System.Management.Automation;
using System.Reflection;
using Cifar10Ps.Data;

namespace Cifar10Ps.Benchmarks;

/// <summary>The lines of the table.</summary>
internal static class Table
{
    public const string PlainTraining = "training: plain loop", PlainInference = "inference: plain loop";
    public const string PeerTraining = "training: PyTorch", PeerInference = "inference: PyTorch";

    public static readonly Row[] Rows =
    [
        new(PlainTraining, "images/s", Peer: PeerTraining),
        new("training: fp32", "images/s", PlainTraining, PeerTraining),
        new("training: bf16", "images/s", PlainTraining, PeerTraining),
        new(PeerTraining + " fp32, tuned", "images/s", PlainTraining, Script: ["training", "fp32"]),
        new(PeerTraining + " bf16, tuned", "images/s", PlainTraining, Script: ["training", "bf16"]),
        new("training: bf16, busy neighbours", "images/s", PlainTraining),
        new(PlainInference, "images/s", Peer: PeerInference),
        new("inference: fp32", "images/s", PlainInference, PeerInference),
        new("inference: bf16", "images/s", PlainInference, PeerInference),
        new(PeerInference + " fp32, tuned", "images/s", PlainInference, Script: ["inference", "fp32"]),
        new(PeerInference + " bf16, tuned", "images/s", PlainInference, Script: ["inference", "bf16"]),
        new("inference: ONNX Runtime fp32", "images/s", PlainInference, PeerInference),
        new("single image: fp32", "ms"),
        new("single image: bf16", "ms"),
        new("single image: PyTorch fp32, tuned", "ms", Script: ["single", "fp32"]),
        new("single image: PyTorch bf16, tuned", "ms", Script: ["single", "bf16"]),
        new("single image: ONNX Runtime fp32", "ms"),
        new("Start-ModelTraining against the bare engine, progress on", "times as fast", IsLong: true),
        new("Start-ModelTraining against the bare engine, progress off", "times as fast", IsLong: true),
        new("input path, one core", "µs an image"),
        new("input path, one core, Pictures", "µs an image"),
        new("input path, one core, Strong", "µs an image"),
        new("training bf16: resident memory", "MB"),
        new("training bf16: growth from step 200 to step 4,000", "MB", IsLong: true),
        new("cold start: import", "ms"),
        new("cold start: first prediction", "ms"),
        new("model: save", "ms"),
        new("model: load", "ms"),
    ];
}

/// <summary>What each line measures.</summary>
internal static class Measurements
{
    private const int BatchSize = 128, Steps = 30, WarmUp = 30, TurnImages = 8_192, Turns = 14;

    public static double Run(string name) => name switch
    {
        Table.PlainTraining => PlainLoop.Training(BatchSize, WarmUp, Steps),
        Table.PlainInference => PlainLoop.Inference(BatchSize, WarmUp, 3 * Steps),
        "training: fp32" => Training(Precision.Float32),
        "training: bf16" => Training(Precision.BFloat16),
        "training: bf16, busy neighbours" => BesideNeighbours(() => Training(Precision.BFloat16)),
        "inference: fp32" => Inference(Precision.Float32),
        "inference: bf16" => Inference(Precision.BFloat16),
        "inference: ONNX Runtime fp32" => OnnxRuntime.Inference(BatchSize, WarmUp, 3 * Steps),
        "single image: ONNX Runtime fp32" => OnnxRuntime.SingleImage(MedianMilliseconds),
        "single image: fp32" => SingleImage(Precision.Float32),
        "single image: bf16" => SingleImage(Precision.BFloat16),
        "Start-ModelTraining against the bare engine, progress on" => CmdletAgainstEngine("Continue"),
        "Start-ModelTraining against the bare engine, progress off" => CmdletAgainstEngine("SilentlyContinue"),
        "input path, one core" => InputPath(Augmentation.Standard),
        "input path, one core, Pictures" => InputPath(Augmentation.Pictures),
        "input path, one core, Strong" => InputPath(Augmentation.Strong),
        "training bf16: resident memory" => ResidentMemory(40)[^1],
        "training bf16: growth from step 200 to step 4,000" => ResidentMemory(4_000) is var sizes ? sizes[^1] - sizes[199] : 0,
        "cold start: import" => new ColdStart(ModuleDirectory()).Import(),
        "cold start: first prediction" => new ColdStart(ModuleDirectory()).FirstPrediction(),
        "model: save" => Files().Save,
        "model: load" => Files().Load,
        _ => throw new ArgumentException($"There is no measurement '{name}'.", nameof(name)),
    };

    private static double Training(Precision precision)
    {
        ImageDataset data = SyntheticImages.Create((WarmUp + Steps) * BatchSize, 128);
        ImageClassifier model = Models.NewResNet20(data.Classes, 0);
        Trainer trainer = Trainer.Start(model, data,
            Recipes.Options(Recipe.Fast) with { BatchSize = BatchSize, Epochs = 1, Precision = precision });
        long start = 0;
        double seconds = 0;
        _ = trainer.Run(progress =>
        {
            if (progress is { IsValidating: false } && progress.Done == WarmUp * BatchSize)
                start = Stopwatch.GetTimestamp();
            if (progress is { IsValidating: false } && progress.Done == progress.Total)
                seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }).Count();
        return Steps * BatchSize / seconds;
    }

    private static double Inference(Precision precision)
    {
        ImageSplit images = SyntheticImages.Create(2_048, 10).Train;
        ImageClassifier model = Models.NewResNet20(images.Classes, 0);
        using Predictor predictor = new(model, precision: precision);
        const int Repeats = 5;
        for (int i = 0; i < Repeats; i++)
            _ = predictor.Logits(images);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Repeats; i++)
            _ = predictor.Logits(images);
        return Repeats * images.Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double SingleImage(Precision precision)
    {
        ImageSplit images = SyntheticImages.Create(10, 10).Train;
        ImageClassifier model = Models.NewResNet20(images.Classes, 0);
        using Predictor predictor = new(model, precision: precision);
        return MedianMilliseconds(3_000, () => predictor.Logits([images[0]]));
    }

    /// <summary>
    /// The median ratio of the two, which take turns in this process, an epoch each: each report of the cmdlet lets the engine
    /// run for an epoch.
    /// </summary>
    private static double CmdletAgainstEngine(string progressPreference)
    {
        ImageDataset data = SyntheticImages.Create(TurnImages, 128);
        ImageClassifier model = Models.NewResNet20(data.Classes, 0);
        using IEnumerator<EpochReport> engine =
            Trainer.Start(model, data, Recipes.Options(Recipe.Fast) with { Epochs = Turns }).Run(_ => { }).GetEnumerator();
        using PowerShell shell = PowerShell.Create(InitialSessionState.CreateDefault2());
        List<double> ratios = [];
        long start = 0;
        shell.Runspace.SessionStateProxy.SetVariable("turn", (Action)(() =>
        {
            double cmdlet = Stopwatch.GetElapsedTime(start).TotalSeconds;
            start = Stopwatch.GetTimestamp();
            _ = engine.MoveNext();
            ratios.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / cmdlet);
            start = Stopwatch.GetTimestamp();
        }));
        shell.AddScript($$"""
            $ProgressPreference = '{{progressPreference}}'
            Import-Module '{{ModuleDirectory()}}'
            Get-Cifar10 -Synthetic -TrainCount {{TurnImages}} -TestCount 128 |
                Start-ModelTraining -Model (New-ResNet20) -Epochs {{Turns}} | ForEach-Object { $turn.Invoke() }
            """).Invoke();
        if (shell.HadErrors)
            throw shell.Streams.Error[0].Exception;

        // The first turns are for warming up.
        double[] measured = [.. ratios.Skip(Turns / 10).Order()];
        return measured[measured.Length / 2];
    }

    private static double InputPath(Augmentation augmentation)
    {
        ImageSplit images = SyntheticImages.Create(1_024, 10).Train;
        BatchBuilder builder = new(Preprocessing.Measure(images), augmentation);
        TrainingImage[][] shards = [.. images.Select(image => new TrainingImage(image, Pass: 1)).Chunk(64)];
        float[] target = new float[64 * builder.ImageLength];
        return MedianMilliseconds(50, () =>
        {
            foreach (TrainingImage[] shard in shards)
                builder.WriteAugmented(shard, target, seed: 0);
        }) * 1_000 / images.Count;
    }

    /// <summary>Resident memory in MB after each step, with as many images loaded as CIFAR-10 has.</summary>
    private static List<double> ResidentMemory(int steps)
    {
        ImageDataset data = SyntheticImages.Create(50_000, 10_000);
        ImageClassifier model = Models.NewResNet20(data.Classes, 0);
        Trainer trainer = Trainer.Start(model, data,
            Recipes.Options(Recipe.Fast) with { Epochs = 20, BatchSize = BatchSize, Precision = Precision.BFloat16 });
        using CancellationTokenSource enough = new();
        List<double> sizes = [];
        try
        {
            _ = trainer.Run(progress =>
            {
                if (!progress.IsValidating)
                    sizes.Add(Environment.WorkingSet / 1e6);
                if (sizes.Count == steps)
                    enough.Cancel();
            }, enough.Token).Count();
        }
        catch (OperationCanceledException)
        {
            // The process has ended.
        }

        return sizes;
    }

    private static string ModuleDirectory() => typeof(Measurements).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(a => a.Key == "ModuleDirectory").Value!;

    private static (double Save, double Load) Files()
    {
        ImageClassifier model = Models.NewResNet20(ImageClassifier.PlaceholderClasses(10), 0);
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "model.safetensors");
        double save = MedianMilliseconds(50, () => ModelFile.Save(model, path)), load = MedianMilliseconds(50, () => ModelFile.Load(path));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        return (save, load);
    }

    /// <summary>Measures while another process keeps every processor busy, with one thread each.</summary>
    private static double BesideNeighbours(Func<double> measure)
    {
        Process[] neighbours = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ =>
            Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "while :; do :; done"]))!)];
        try
        {
            return measure();
        }
        finally
        {
            foreach (Process neighbour in neighbours)
            {
                neighbour.Kill();
                neighbour.Dispose();
            }
        }
    }

    private static double MedianMilliseconds(int repeats, Action action)
    {
        action();
        double[] times = new double[repeats];
        for (int i = 0; i < repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return times.Order().ElementAt(repeats / 2);
    }
}
