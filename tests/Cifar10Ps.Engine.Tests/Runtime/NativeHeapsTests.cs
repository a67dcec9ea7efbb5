
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

[Collection(typeof(Alone))]
public class NativeHeapsTests
{
    [Fact]
    public void Heaps_of_a_process_are_found_and_what_is_in_them_stays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        TestSupport.UseTorch();
        using TorchSharp.torch.Tensor values = TorchSharp.torch.arange(4_000_000);

        NativeHeaps.UseHugePages();

        Assert.Equal(3_999_999, values[-1].item<long>());
        Assert.Equal(4_000_000L * 3_999_999 / 2, values.sum().item<long>());
        // Where the kernel provides huge pages at all, a heap of 32 MB gets some.
        if (File.Exists("/proc/self/smaps_rollup") && File.Exists("/sys/kernel/mm/transparent_hugepage/enabled")
            && !File.ReadAllText("/sys/kernel/mm/transparent_hugepage/enabled").Contains("[never]", StringComparison.Ordinal))
            Assert.DoesNotContain("AnonHugePages:         0 kB", File.ReadAllText("/proc/self/smaps_rollup"), StringComparison.Ordinal);
    }

    [Fact]
    public void Free_memory_below_memory_in_use_goes_back_to_the_system()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        TestSupport.UseTorch();
        // Small enough that the C library takes them from its heaps.
        TorchSharp.torch.Tensor[] tensors = [.. Enumerable.Range(0, 4000).Select(_ => TorchSharp.torch.ones(16_000))];
        using TorchSharp.torch.Tensor last = tensors[^1];
        foreach (TorchSharp.torch.Tensor tensor in tensors[..^1])
            tensor.Dispose();
        long before = Environment.WorkingSet;

        NativeHeaps.Trim();

        Assert.True(before - Environment.WorkingSet > 200_000_000, $"{before} before, {Environment.WorkingSet} after");
        Assert.Equal(16_000, last.sum().item<float>());
    }
}
