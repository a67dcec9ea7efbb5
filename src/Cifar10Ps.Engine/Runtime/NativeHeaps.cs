using System.Globalization;
using System.Runtime.InteropServices;

namespace Cifar10Ps.Runtime;

/// <summary>
/// The heaps of the C library, in which libtorch allocates activations. Only Linux is asked; on other systems, and if it refuses,
/// nothing happens.
/// </summary>
/// <remarks>madvise(2): MADV_HUGEPAGE, MADV_COLLAPSE (Linux 6.1); heaps of threads begin at multiples of 64 MB (glibc,
/// malloc/arena.c); malloc_trim(3).</remarks>
internal static partial class NativeHeaps
{
    private const ulong PageSize = 2 << 20, HeapAlignment = 64 << 20;
    private const int AdviseHugePage = 14, AdviseCollapse = 25;

    /// <summary>
    /// Keeps the current heaps in pages of 2 MB: activations are read and written in long runs, and with pages of 4 KB a step waits for
    /// their addresses. Best called once a training has allocated all its memory.
    /// </summary>
    public static void UseHugePages()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            foreach ((ulong start, ulong end) in Heaps().ToArray())
            {
                ulong first = (start + PageSize - 1) / PageSize * PageSize, last = end / PageSize * PageSize;
                if (first < last && Advise((nint)first, (nint)(last - first), AdviseHugePage) == 0)
                    _ = Advise((nint)first, (nint)(last - first), AdviseCollapse);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException or EntryPointNotFoundException)
        {
            // Slower, not wrong.
        }
    }

    /// <summary>
    /// Returns free memory to the system. Workers free activations in an order that differs from step to step, so that heaps fragment and
    /// grow for as long as a training runs.
    /// </summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = TrimHeaps(0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library than glibc.
        }
    }

    /// <summary>Lines of /proc/self/maps look like <c>7f1c2c000000-7f1c2fe21000 rw-p 00000000 00:00 0 [heap]</c>.</summary>
    private static IEnumerable<(ulong Start, ulong End)> Heaps()
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string[] range = fields[0].Split('-');
            ulong start = ulong.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            bool isHeap = fields.Length == 5 ? start % HeapAlignment == 0 : fields[5] == "[heap]";
            if (fields[1] == "rw-p" && isHeap)
                yield return (start, ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nint length, int advice);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeaps(nuint kept);
}
