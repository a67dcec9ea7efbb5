using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Cifar10Ps.Build;

/// <summary>Links the libraries of a module as a platform's loader would, without running them.</summary>
internal static class LinkVerification
{
    /// <summary>Declared by TorchSharp 0.107.0, but missing from its native library on every platform;
    /// the engine calls none of them.</summary>
    private static readonly string[] Unanswered = ["THSJIT_getDimensionedTensorTypeDimensions", "THSJIT_getDimensionedTensorDevice",
        "THSLinalg_dot", "THSTensor_eig", "THSTorch_lstsq"];

    /// <summary>Reads the module's native libraries, and what its assemblies call in them.</summary>
    /// <param name="folder">The folder with the libraries and their list, native-libraries.txt.</param>
    /// <param name="platform">The platform that they are for.</param>
    /// <param name="summary">What was checked, and what is expected of the system.</param>
    /// <returns>What is missing or wrong, one sentence each; empty if nothing is.</returns>
    public static string[] Run(string folder, Platform platform, out string summary)
    {
        string[] files = [.. File.ReadLines(Path.Combine(folder, "native-libraries.txt")).Select(line => line.Split(' ')[0])];
        NativeLibrary[] libraries = [.. files.Select(file => NativeLibrary.Read(Path.Combine(folder, file)))];
        Import[] calls = [.. from call in ReadCalls(folder) let library = Find(call.Library)
                             where library is not null && !Unanswered.Contains(call.Symbol)
                             select new Import(library, platform.ToSymbol(call.Symbol))];

        string[] problems = Check(libraries, calls, platform);

        Import[] imports = [.. libraries.SelectMany(l => l.Imports)];
        IEnumerable<string> newest = imports.Where(i => i.Version is not null && platform.Has(i.Library!)).Select(i => i.Version!)
            .GroupBy(v => v.Split('_')[0]).Select(g => g.MaxBy(Platform.Number)!);
        IEnumerable<string> system = platform.System.Where(s => libraries.Any(l => l.Needs.Any(n => platform.Has(n, s))));
        summary = $"{platform.Name}: {libraries.Length} libraries with {imports.Length:N0} imports, {calls.Length:N0} calls of assemblies: "
            + $"{problems.Length} missing or wrong. Of the system: {string.Join(", ", system.Concat(newest))}.";
        return problems;

        // DllImport("x") means x.dll, libx.so or libx.dylib. The name that others use for a library may differ from its file name.
        string? Find(string name) => libraries.Zip(files, (library, file) => (library.Name, File: Path.GetFileNameWithoutExtension(file)))
            .FirstOrDefault(l => l.File == name || l.File == $"lib{name}").Name;
    }

    /// <summary>Finds what libraries need but neither another library nor the system provides.</summary>
    /// <param name="libraries">The native libraries that are packed.</param>
    /// <param name="calls">What assemblies call in them.</param>
    /// <param name="platform">The platform that they are for.</param>
    public static string[] Check(NativeLibrary[] libraries, Import[] calls, Platform platform)
    {
        NativeLibrary[] users = [new("The module", platform.Machine, [], calls, []), .. libraries];
        Dictionary<string, NativeLibrary> byName = libraries.ToDictionary(l => l.Name, platform.Names);
        HashSet<string> needed = new(users.SelectMany(u => u.Needs.Concat(u.Imports.Select(i => i.Library).OfType<string>())),
            platform.Names);
        return
        [
            .. libraries.Where(l => l.Machine != platform.Machine).Select(l => $"{l.Name} is {l.Machine}, not {platform.Machine}."),
            .. from user in users from name in user.Needs where !byName.ContainsKey(name) && !platform.Has(name)
               select $"{user.Name} needs the library {name}, which is neither packed nor a part of the system.",
            .. from user in users from import in user.Imports where !IsThere(import)
               select $"{user.Name} needs {import.Symbol}{(import.Version is null ? "" : $" in version {import.Version}")} "
                   + $"of {import.Library ?? "any library"}, which does not have it.",
            .. libraries.Where(l => !needed.Contains(l.Name)).Select(l => $"{l.Name} is packed, but nothing needs it."),
        ];

        bool IsThere(Import import) => import.Library is null ? libraries.Any(l => l.Exports.Contains(import.Symbol))
            : byName.TryGetValue(import.Library, out NativeLibrary? library) ? library.Exports.Contains(import.Symbol)
            : platform.Has(import.Library) && (import.Version is null || platform.HasVersion(import.Version));
    }

    /// <summary>The methods that the assemblies of a folder call in native libraries.</summary>
    private static IEnumerable<(string Library, string Symbol)> ReadCalls(string folder)
    {
        foreach (string file in Directory.GetFiles(folder, "*.dll"))
        {
            using PEReader assembly = new(File.OpenRead(file));
            if (!assembly.HasMetadata)
                continue;
            MetadataReader reader = assembly.GetMetadataReader();
            foreach (MethodDefinition method in reader.MethodDefinitions.Select(reader.GetMethodDefinition))
            {
                if (!method.Attributes.HasFlag(MethodAttributes.PinvokeImpl))
                    continue;
                MethodImport import = method.GetImport();
                string library = reader.GetString(reader.GetModuleReference(import.Module).Name);
                yield return (Path.GetFileNameWithoutExtension(library), reader.GetString(import.Name));
            }
        }
    }
}
