using Cifar10Ps.Execution;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>
/// Work in libtorch beside a thread that does nothing but collect garbage: a tensor or a number that nobody holds any more is freed while
/// libtorch still reads it, and the process ends.
/// </summary>
public sealed class GarbageTests : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _collector;

    public GarbageTests()
    {
        UseTorch();
        _collector = new Thread(() =>
        {
            while (!_end.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        _collector.Start();
    }

    public void Dispose()
    {
        _end.Cancel();
        _collector.Join();
        _end.Dispose();
    }

    [Fact]
    public void Views_of_gradients_are_made()
    {
        using NetworkWeights weights = new(NewModel().Network);
        for (int i = 0; i < 1_000; i++)
        {
            using Gradients gradients = new(weights);
            Assert.Equal(weights.LearnedViews.Count, gradients.InOrder.Count());
        }
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.Adam)]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void A_run_is_trained_saved_and_resumed(OptimizerKind optimizer)
    {
        using TemporaryFolder folder = new();
        OutputDirectory output = new(folder.Path, 1, replace: false);

        NewRun(TinyOptions(optimizer, epochs: 2), output).RunToEnd();
        Trainer resumed = Trainer.Resume(folder.Path, null, TinyData, options => options with { Epochs = 4 }, output, threads: 2);

        Assert.Equal(2, resumed.RunToEnd().Length);
        using Predictor predictor = new(resumed.Model);
        Assert.Equal(TinyData.Test.Count, predictor.Logits(TinyData.Test).Length);
    }
}
