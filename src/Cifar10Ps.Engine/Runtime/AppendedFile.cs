namespace Cifar10Ps.Runtime;

/// <summary>Files that grow by whole records: one that cannot be written in full is taken back.</summary>
internal static class AppendedFile
{
    /// <summary>Appends a record to a file, and flushes it to disk before it returns; the file and its folder are created.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>; the file is as it was.</exception>
    public static void Append(string path, ReadOnlySpan<byte> record)
    {
        RegularFile.Require(path);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            FileStream? opened = null;
            // Without a buffer, which would be written once more when the file is closed.
            AtomicFile.Patiently(() => opened = new(path, FileMode.Append, FileAccess.Write, FileShare.Read | FileShare.Delete, 0));
            using FileStream file = opened!;
            long end = file.Length;
            try
            {
                file.Write(record);
                file.Flush(flushToDisk: true);
            }
            catch (Exception e) when (AtomicFile.IsRefusal(e))
            {
                file.SetLength(end);
                throw;
            }
        }
        catch (Exception e) when (AtomicFile.IsRefusal(e))
        {
            throw AtomicFile.NotWritable(path, e);
        }
    }

    /// <summary>Removes what a process that was killed left of a line at the end of a text file.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void RemoveHalfLine(string path)
    {
        RegularFile.Require(path);
        if (!File.Exists(path))
            return;
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
            byte[] block = new byte[1 << 16];
            long end = file.Length;
            while (end > 0)
            {
                int length = (int)Math.Min(end, block.Length);
                file.Position = end - length;
                file.ReadExactly(block, 0, length);
                int last = block.AsSpan(0, length).LastIndexOf((byte)'\n');
                end -= length - (last + 1);
                if (last >= 0)
                    break;
            }

            file.SetLength(end);
        }
        catch (Exception e) when (AtomicFile.IsRefusal(e))
        {
            throw AtomicFile.NotWritable(path, e);
        }
    }
}
