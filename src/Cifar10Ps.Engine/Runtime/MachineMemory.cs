using System.Runtime.InteropServices;

namespace Cifar10Ps.Runtime;

/// <summary>Checks memory before it is allocated, so that too much is an error instead of the end of the process.</summary>
internal static class MachineMemory
{
    /// <summary>Free memory in bytes, within the limit of the process's container, if it has one.</summary>
    public static long Available
    {
        get
        {
            // The runtime only updates the memory load at a collection.
            GC.Collect(0);
            GCMemoryInfo info = GC.GetGCMemoryInfo();
            return info.TotalAvailableMemoryBytes - (HasHeapLimit ? info.TotalCommittedBytes : info.MemoryLoadBytes);
        }
    }

    // The total is .NET's own limit then, but the load still that of the machine.
    private static bool HasHeapLimit => Environment.GetEnvironmentVariable("DOTNET_GCHeapHardLimit") is not null
        || AppContext.GetData("System.GC.HeapHardLimit") is not null;

    /// <summary>Refuses what does not fit.</summary>
    /// <param name="bytes">An estimate of what it takes.</param>
    /// <param name="what">What takes it.</param>
    /// <exception cref="EngineException"><c>NotEnoughMemory</c>.</exception>
    public static void Require(long bytes, string what)
    {
        if (bytes <= Available)
            return;
        // The C library keeps what libtorch has freed, so that the next run gets it at once; but it is free.
        NativeHeaps.Trim();
        if (Available is long available && bytes > available)
            throw new EngineException("NotEnoughMemory", ErrorKind.ResourceUnavailable,
                $"{what} would take about {bytes / 1e9:F1} GB of memory, but {Math.Max(available, 0) / 1e9:F1} GB are free.");
    }

    /// <summary>The error for an allocation that failed, in .NET or in libtorch, on any thread; null: the exception is about something
    /// else.</summary>
    public static EngineException? ErrorOf(Exception? e) =>
        e is AggregateException several ? several.Flatten().InnerExceptions.Select(ErrorOf).FirstOrDefault(error => error is not null)
        : e is OutOfMemoryException || (e is ExternalException && e.Message.Contains("can't allocate memory", StringComparison.Ordinal))
            ? new EngineException("NotEnoughMemory", ErrorKind.ResourceUnavailable, "There is not enough memory for this.", e) : null;
}
