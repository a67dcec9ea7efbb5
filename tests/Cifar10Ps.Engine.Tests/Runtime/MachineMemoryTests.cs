using Cifar10Ps.Runtime;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class MachineMemoryTests
{
    [Fact]
    public void An_allocation_of_libtorch_that_fails_is_too_little_memory_and_other_failures_of_it_are_not()
    {
        UseTorch();

        Assert.Equal("NotEnoughMemory", MachineMemory.ErrorOf(Record.Exception(() => torch.empty(1L << 50)))?.ErrorId);
        Assert.Null(MachineMemory.ErrorOf(Record.Exception(() => torch.empty(2).reshape(3))));
    }

    [Fact]
    public void An_allocation_of_dotnet_that_fails_is_too_little_memory()
    {
        Assert.Equal("NotEnoughMemory", MachineMemory.ErrorOf(Activator.CreateInstance<OutOfMemoryException>())?.ErrorId);
        Assert.Equal("NotEnoughMemory", MachineMemory.ErrorOf(new AggregateException(new TimeoutException(),
            new AggregateException(Activator.CreateInstance<OutOfMemoryException>())))?.ErrorId);
        Assert.Null(MachineMemory.ErrorOf(new AggregateException(new TimeoutException())));
        Assert.Null(MachineMemory.ErrorOf(null));
    }
}
