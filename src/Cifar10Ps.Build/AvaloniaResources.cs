using System.Reflection;

namespace Cifar10Ps.Build;

/// <summary>
/// The files within a library of Avalonia: length of the index; its version, the number of files, and name, offset and length
/// of each; then the files.
/// </summary>
internal static class AvaloniaResources
{
    /// <summary>Reads a file.</summary>
    /// <param name="library">The library; its code is not run.</param>
    /// <param name="file">Name of the file, without folders.</param>
    /// <exception cref="InvalidDataException">There is no such file.</exception>
    public static byte[] Read(string library, string file)
    {
        using Stream resources = Assembly.LoadFrom(library).GetManifestResourceStream("!AvaloniaResources")
            ?? throw new InvalidDataException($"'{library}' has no resources.");
        using BinaryReader reader = new(resources);
        int start = sizeof(int) + reader.ReadInt32();
        _ = reader.ReadInt32();
        for (int files = reader.ReadInt32(); files > 0; files--)
        {
            (string name, int offset, int length) = (reader.ReadString(), reader.ReadInt32(), reader.ReadInt32());
            if (Path.GetFileName(name) != file)
                continue;
            resources.Position = start + offset;
            return reader.ReadBytes(length);
        }

        throw new InvalidDataException($"'{library}' has no '{file}'.");
    }
}
