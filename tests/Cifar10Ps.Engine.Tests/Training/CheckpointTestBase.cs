using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Runs that leave checkpoints, and whole runs to compare with.</summary>
public abstract class CheckpointTestBase(CheckpointTestBase.WholeRuns whole) : IClassFixture<CheckpointTestBase.WholeRuns>, IDisposable
{
    /// <summary>What is saved and read does not depend on how much there is to compute.</summary>
    private protected static readonly ImageDataset Data = SmallImages(120, 140, side: 8);
    private protected readonly TemporaryFolder _folder = new();
    private protected readonly WholeRuns _whole = whole;

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static Trainer NewRun(TrainingOptions options, OutputDirectory? output = null, ImageDataset? data = null) =>
        Trainer.Start(NewModel(seed: 1), data ?? Data, options, output, threads: 2);

    private protected static ImageClassifier NewModel(int seed) => NewResNet(8, SyntheticImages.Classes, Shortcut.Projection, seed);

    private protected OutputDirectory Output() => new(_folder["output"], keepCheckpoints: 3, replace: false);

    /// <summary>The newest checkpoint of a finished run of one epoch.</summary>
    private protected string MakeCheckpoint()
    {
        OutputDirectory output = Output();
        Directory.CreateDirectory(output.Path);
        File.WriteAllBytes(output.LatestCheckpoint, _whole.OfOneEpoch);
        return output.LatestCheckpoint;
    }

    private protected static string TimelessLog(OutputDirectory output)
    {
        JsonArray log = JsonNode.Parse(File.ReadAllText(Path.Combine(output.Path, "log")))!.AsArray();
        foreach (JsonNode? epoch in log)
            Assert.True(epoch!.AsObject().Remove("elapsed_time"));
        return log.ToJsonString();
    }

    /// <summary>Uninterrupted runs, computed once.</summary>
    public sealed class WholeRuns
    {
        private readonly ConcurrentDictionary<OptimizerKind, Lazy<(EpochReport[], string, string)>> _runs = [];
        private readonly Lazy<byte[]> _ofOneEpoch = new(() =>
        {
            using TemporaryFolder folder = new();
            OutputDirectory output = new(folder.Path, keepCheckpoints: 0, replace: false);
            Assert.Single(NewRun(TinyOptions(epochs: 1), output).RunToEnd());
            return File.ReadAllBytes(output.LatestCheckpoint);
        });

        public byte[] OfOneEpoch => _ofOneEpoch.Value;

        public (EpochReport[] Reports, string Weights, string Log) Of(OptimizerKind optimizer) =>
            _runs.GetOrAdd(optimizer, kind => new(() =>
            {
                using TemporaryFolder folder = new();
                Trainer trainer = NewRun(TinyOptions(kind, epochs: 4),
                    new OutputDirectory(folder.Path, keepCheckpoints: 3, replace: false));
                return ([.. Timeless(trainer.RunToEnd())], Fingerprint(trainer.Model), TimelessLog(trainer.Output!));
            })).Value;
    }
}
