using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Cifar10Ps.Runtime;
using Google.Protobuf;
using Tensorboard;

namespace Cifar10Ps.Formats;

/// <summary>
/// Event files, which TensorBoard reads: Event messages of protobuf in TFRecord's frames, which are length, checksum of the length,
/// message, checksum of the message. TensorBoard skips an incomplete record.
/// </summary>
internal static class EventFile
{
    private const string Prefix = "events.out.tfevents.", Suffix = ".cifar10ps";

    /// <summary>The event files that this module has written to a folder.</summary>
    /// <exception cref="EngineException"><c>FolderUnreadable</c>.</exception>
    public static string[] In(string folder) => FolderPath.Files(folder, $"{Prefix}*{Suffix}");

    /// <summary>Creates an event file. TensorBoard reads those of a folder in the order of their names, which is that of time.</summary>
    /// <param name="folder">The folder; created if it is missing.</param>
    /// <param name="firstStep">TensorBoard discards this and later steps in earlier files of the folder.</param>
    /// <returns>Its path.</returns>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    public static string Create(string folder, long firstStep)
    {
        // After those that are there, even if the clock has been set back since.
        long seconds = In(folder).Select(SecondsOf).Append(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 1).Max() + 1;
        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{seconds}{Suffix}"));
        double now = ToWallTime(DateTimeOffset.UtcNow);
        Append(path,
            new Event { WallTime = now, FileVersion = "brain.Event:2" },
            new Event { WallTime = now, Step = firstStep, SessionLog = new SessionLog { Status = SessionLog.Types.SessionStatus.Start } });
        return path;
    }

    /// <summary>Appends events to a file, and flushes them to disk before it returns.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Append(string path, params IEnumerable<Event> events)
    {
        using MemoryStream records = new();
        foreach (Event item in events)
            WriteRecord(records, item.ToByteArray());
        AppendedFile.Append(path, records.ToArray());
    }

    /// <summary>Seconds since 1970, as events have them.</summary>
    public static double ToWallTime(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;

    /// <summary>CRC-32C, rotated and shifted, as TFRecords have it:
    /// so that checksums stay reliable for data that contains checksums.</summary>
    internal static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
            crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }

    private static long SecondsOf(string path)
    {
        string name = Path.GetFileName(path)[Prefix.Length..];
        return uint.TryParse(name.AsSpan(0, name.IndexOf('.', StringComparison.Ordinal)), NumberStyles.None, CultureInfo.InvariantCulture,
            out uint seconds) ? seconds : 0;
    }

    private static void WriteRecord(Stream stream, byte[] message)
    {
        Span<byte> head = stackalloc byte[12], tail = stackalloc byte[4];
        BinaryPrimitives.WriteInt64LittleEndian(head, message.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], MaskedChecksum(head[..8]));
        BinaryPrimitives.WriteUInt32LittleEndian(tail, MaskedChecksum(message));
        stream.Write(head);
        stream.Write(message);
        stream.Write(tail);
    }
}
