using System.Text;

namespace Cifar10Ps.Build;

/// <summary>What the build does for the module besides compiling: its native libraries and its help.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        try
        {
            switch (args)
            {
                case ["relax", string source, string destination]:
                    Relax(source, destination);
                    return 0;
                case ["inventory", string list, .. string[] libraries]:
                    Replace(list,
                        Encoding.UTF8.GetBytes(string.Concat(libraries.Select(l => $"{Path.GetFileName(l)} {new FileInfo(l).Length}\n"))));
                    return 0;
                case ["help", string assembly, string references, string folder, string destination]:
                    Replace(destination,
                        MamlFile.Write(CmdletHelp.ReadAll(folder, CompiledCmdlet.ReadAll(assembly, File.ReadLines(references)))));
                    return 0;
                case ["pages", string assembly, string references, string folder, string destination]:
                    WritePages(MarkdownHelp.Write(CmdletHelp.ReadAll(folder, CompiledCmdlet.ReadAll(assembly, File.ReadLines(references)))),
                        destination);
                    return 0;
                case ["verify", string folder, string platform]:
                    return Verify(folder, Platform.Named(platform));
                default:
                    throw new InvalidDataException("usage: Cifar10Ps.Build relax <source> <destination>"
                        + " | inventory <list> <library>... | verify <folder> <platform>"
                        + " | help <assembly> <list of references> <folder> <destination>"
                        + " | pages <assembly> <list of references> <folder> <destination folder>");
            }
        }
        catch (InvalidHelpException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            // The form that MSBuild shows as the error of the build.
            Console.Error.WriteLine($"Cifar10Ps.Build: error: {e.Message}");
            return 1;
        }
    }

    /// <summary>Writes the pages of the help, and removes those of cmdlets that no longer exist.</summary>
    private static void WritePages(SortedDictionary<string, string> pages, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string old in Directory.EnumerateFiles(folder, "*.md").Where(file => !pages.ContainsKey(Path.GetFileName(file))))
            File.Delete(old);
        foreach ((string name, string page) in pages)
            Replace(Path.Combine(folder, name), Encoding.UTF8.GetBytes(page));
    }

    /// <summary>Says whether the libraries of a module have all that they need.</summary>
    private static int Verify(string folder, Platform platform)
    {
        string[] problems = LinkVerification.Run(folder, platform, out string summary);
        Console.WriteLine(summary);
        foreach (string problem in problems)
            Console.Error.WriteLine($"Cifar10Ps.Build: error: {problem}");
        return problems.Length == 0 ? 0 : 1;
    }

    /// <summary>Writes the copy of libLibTorchSharp.so that the module ships: see <see cref="VersionNeed"/>.</summary>
    private static void Relax(string source, string destination)
    {
        byte[] expected = File.ReadAllBytes(source);
        // 0755, as is usual for libraries, whatever the package's file and the umask say.
        Replace(destination, VersionNeed.Relax(expected, out int flagsAt), (UnixFileMode)0b111_101_101);
        // The build checks that only the two bytes of the flags differ from the source.
        (expected[flagsAt], expected[flagsAt + 1]) = ((byte)VersionNeed.Weak, 0);
        if (File.ReadAllBytes(destination).SequenceEqual(expected))
            return;
        File.Delete(destination);
        throw new InvalidDataException($"'{destination}' did not contain what was written to it and has been deleted.");
    }

    /// <summary>Writes a temporary file and renames it: never half a file, and never into a file that a hard link shares.</summary>
    private static void Replace(string path, byte[] content, UnixFileMode mode = (UnixFileMode)0b110_100_100)
    {
        string beside = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllBytes(beside, content);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(beside, mode);
            File.Move(beside, path, overwrite: true);
        }
        finally
        {
            File.Delete(beside);
        }
    }
}
