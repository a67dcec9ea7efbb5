
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

public class HugePagesTests
{
    [Fact]
    public void Heaps_of_a_process_are_found_and_what_is_in_them_stays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        TestSupport.UseTorch();
        using TorchSharp.torch.Tensor values = TorchSharp.torch.arange(4_000_000);

        HugePages.UseForHeaps();

        Assert.Equal(3_999_999, values[-1].item<long>());
        Assert.Equal(4_000_000L * 3_999_999 / 2, values.sum().item<long>());
        // Where the kernel provides huge pages at all, a heap of 32 MB gets some.
        if (File.Exists("/proc/self/smaps_rollup") && File.Exists("/sys/kernel/mm/transparent_hugepage/enabled")
            && !File.ReadAllText("/sys/kernel/mm/transparent_hugepage/enabled").Contains("[never]", StringComparison.Ordinal))
            Assert.DoesNotContain("AnonHugePages:         0 kB", File.ReadAllText("/proc/self/smaps_rollup"), StringComparison.Ordinal);
    }
}
