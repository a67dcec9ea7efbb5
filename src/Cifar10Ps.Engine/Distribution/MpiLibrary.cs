using System.Runtime.InteropServices;
using System.Text;

namespace Cifar10Ps.Distribution;

/// <summary>
/// The system's MPI library, found and bound at run time: Open MPI, whose handles are addresses of exported symbols, or MPICH and what
/// shares its binary interface (Intel MPI, MVAPICH), whose handles are numbers.
/// </summary>
/// <remarks>MPI Forum, "MPI: A Message-Passing Interface Standard", version 3.1; MPICH ABI Compatibility Initiative.</remarks>
internal sealed unsafe class MpiLibrary
{
    /// <summary>Environment variable with the path of the library, for one that is not found by name.</summary>
    public const string PathVariable = "CIFAR10PS_MPI";

    private const int LongestVersion = 8192;

    private static readonly string[] OpenMpiNames = ["libmpi.so.40", "libmpi.so.80", "libmpi.40.dylib", "libmpi.dylib"],
        MpichNames = ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib"];

    private MpiLibrary(nint library)
    {
        bool isOpenMpi = NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out nint world);
        World = isOpenMpi ? world : 0x44000000;
        Byte = isOpenMpi ? Export("ompi_mpi_byte") : 0x4c00010d;
        Float = isOpenMpi ? Export("ompi_mpi_float") : 0x4c00040a;
        InPlace = isOpenMpi ? 1 : -1;
        IgnoreStatus = isOpenMpi ? 0 : 1;
        Init = (delegate* unmanaged<nint, nint, int, int*, int>)Export("MPI_Init_thread");
        Leave = (delegate* unmanaged<int>)Export("MPI_Finalize");
        Abort = (delegate* unmanaged<nint, int, int>)Export("MPI_Abort");
        GetRank = (delegate* unmanaged<nint, int*, int>)Export("MPI_Comm_rank");
        GetSize = (delegate* unmanaged<nint, int*, int>)Export("MPI_Comm_size");
        GetVersion = (delegate* unmanaged<byte*, int*, int>)Export("MPI_Get_library_version");
        StartGather = (delegate* unmanaged<nint, int, nint, void*, int*, int*, nint, nint, nint*, int>)Export("MPI_Iallgatherv");
        StartExchange = (delegate* unmanaged<void*, int*, int*, nint, void*, int*, int*, nint, nint, nint*, int>)Export("MPI_Ialltoallv");
        StartSend = (delegate* unmanaged<nint, int, nint, int, int, nint, nint*, int>)Export("MPI_Isend");
        Receive = (delegate* unmanaged<nint, int, nint, int, int, nint, nint, int>)Export("MPI_Recv");
        Probe = (delegate* unmanaged<int, int, nint, int*, nint, int>)Export("MPI_Iprobe");
        Test = (delegate* unmanaged<nint*, int*, nint, int>)Export("MPI_Test");

        nint Export(string name) => NativeLibrary.GetExport(library, name);
    }

    /// <summary><c>MPI_COMM_WORLD</c>.</summary>
    public nint World { get; }

    /// <summary><c>MPI_BYTE</c>.</summary>
    public nint Byte { get; }

    /// <summary><c>MPI_FLOAT</c>.</summary>
    public nint Float { get; }

    /// <summary><c>MPI_IN_PLACE</c>.</summary>
    public nint InPlace { get; }

    /// <summary><c>MPI_STATUS_IGNORE</c>.</summary>
    public nint IgnoreStatus { get; }

    /// <summary><c>MPI_Init_thread(argc, argv, required, provided)</c>.</summary>
    public readonly delegate* unmanaged<nint, nint, int, int*, int> Init;

    /// <summary><c>MPI_Finalize()</c>.</summary>
    public readonly delegate* unmanaged<int> Leave;

    /// <summary><c>MPI_Abort(comm, code)</c>.</summary>
    public readonly delegate* unmanaged<nint, int, int> Abort;

    /// <summary><c>MPI_Comm_rank(comm, rank)</c> and <c>MPI_Comm_size(comm, size)</c>.</summary>
    public readonly delegate* unmanaged<nint, int*, int> GetRank, GetSize;

    /// <summary><c>MPI_Iallgatherv(send, count, type, receive, counts, offsets, type, comm, request)</c>.</summary>
    public readonly delegate* unmanaged<nint, int, nint, void*, int*, int*, nint, nint, nint*, int> StartGather;

    /// <summary><c>MPI_Ialltoallv(send, counts, offsets, type, receive, counts, offsets, type, comm, request)</c>.</summary>
    public readonly delegate* unmanaged<void*, int*, int*, nint, void*, int*, int*, nint, nint, nint*, int> StartExchange;

    /// <summary><c>MPI_Isend(data, count, type, rank, tag, comm, request)</c>.</summary>
    public readonly delegate* unmanaged<nint, int, nint, int, int, nint, nint*, int> StartSend;

    /// <summary><c>MPI_Recv(data, count, type, rank, tag, comm, status)</c>.</summary>
    public readonly delegate* unmanaged<nint, int, nint, int, int, nint, nint, int> Receive;

    /// <summary><c>MPI_Iprobe(rank, tag, comm, isThere, status)</c>.</summary>
    public readonly delegate* unmanaged<int, int, nint, int*, nint, int> Probe;

    /// <summary><c>MPI_Test(request, isDone, status)</c>.</summary>
    public readonly delegate* unmanaged<nint*, int*, nint, int> Test;

    private readonly delegate* unmanaged<byte*, int*, int> GetVersion;

    /// <summary>What the library says of itself, in a line: <c>Open MPI v4.1.4, …</c>.</summary>
    public string Version
    {
        get
        {
            byte* text = stackalloc byte[LongestVersion];
            int length;
            GetVersion(text, &length);
            string all = Encoding.UTF8.GetString(text, Math.Clamp(length, 0, LongestVersion)).Trim('\0', ' ', '\n');
            return string.Join(" ", all.Split('\n')[0].Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
        }
    }

    /// <summary>Finds the library: the one that the environment names, or that of the launcher, or any.</summary>
    /// <exception cref="EngineException"><c>MpiNotFound</c>.</exception>
    public static MpiLibrary Load()
    {
        string? path = Environment.GetEnvironmentVariable(PathVariable);
        string[] names = path is { Length: > 0 } ? [path]
            : Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_SIZE") is null
                && Environment.GetEnvironmentVariable("PMI_SIZE") is not null
                ? [.. MpichNames, .. OpenMpiNames] : [.. OpenMpiNames, .. MpichNames];
        foreach (string name in names)
        {
            try
            {
                if (NativeLibrary.TryLoad(name, out nint library))
                    return new MpiLibrary(library);
            }
            catch (EntryPointNotFoundException)
            {
                // Something else by that name.
            }
        }

        throw NotFound(path, MpiCluster.Launch is not null);
    }

    /// <summary>The error that there is no library.</summary>
    /// <param name="path">The one that the environment names.</param>
    /// <param name="isLaunched">Whether a launcher started this process: it has a library.</param>
    internal static EngineException NotFound(string? path, bool isLaunched) => new("MpiNotFound", ErrorKind.ResourceUnavailable,
        path is { Length: > 0 } ? $"'{path}', which {PathVariable} names, is not the library of an MPI."
        : isLaunched ? "The library of the launcher was not found by name. "
            + $"Set {PathVariable} to its path, such as $(dirname $(which mpirun))/../lib/libmpi.so."
        : "No MPI library was found on this machine.");
}
