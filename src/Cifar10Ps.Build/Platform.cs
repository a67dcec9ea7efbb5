using System.IO.Enumeration;

namespace Cifar10Ps.Build;

/// <summary>What the module's native libraries may expect of the system that they are for.</summary>
/// <param name="Name">Its runtime identifier.</param>
/// <param name="Machine">Format and processor of its libraries, as <see cref="NativeLibrary.Machine"/> has them.</param>
/// <param name="System">The names of libraries that the system has, with wildcards.</param>
/// <param name="Newest">The newest versions of their symbols that the oldest supported system, Ubuntu 22.04, has.</param>
internal sealed record Platform(string Name, string Machine, string[] System, params string[] Newest)
{
    // The last four are the Visual C++ runtime, which users install.
    private static readonly string[] Windows = ["kernel32.dll", "advapi32.dll", "ole32.dll", "user32.dll", "rpcrt4.dll", "ws2_32.dll",
        "dbghelp.dll", "imagehlp.dll", "wintrust.dll", "fontsub.dll", "d3d12.dll", "d3dcompiler_47.dll", "api-ms-win-crt-*.dll",
        "msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll", "vcomp140.dll"];

    private static readonly Platform[] All =
    [
        new("linux-x64", "ELF X86_64",
            ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2",
                "libgcc_s.so.1", "libstdc++.so.6"],
            "GLIBC_2.35", "GLIBCXX_3.4.30", "CXXABI_1.3.13", "GCC_12.0.0"),
        new("win-x64", "PE Amd64", Windows),
        new("win-arm64", "PE Arm64", Windows),
        new("osx-arm64", "Mach-O Arm64", ["/usr/lib/*", "/System/Library/Frameworks/*"]),
    ];

    /// <summary>The platform with a runtime identifier.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static Platform Named(string name) => Array.Find(All, p => p.Name == name)
        ?? throw new InvalidDataException($"There is no platform '{name}'; there are {string.Join(", ", All.Select(p => p.Name))}.");

    /// <summary>How its loader compares the names of libraries.</summary>
    public StringComparer Names =>
        Machine.StartsWith("PE", StringComparison.Ordinal) ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The symbol of a C function: Mach-O puts an underscore before its name.</summary>
    public string ToSymbol(string function) => Machine.StartsWith("Mach-O", StringComparison.Ordinal) ? '_' + function : function;

    /// <summary>Whether the system has a library.</summary>
    public bool Has(string library) => Array.Exists(System, pattern => Has(library, pattern));

    /// <summary>Whether a library is one of those that the system has by a pattern of <see cref="System"/>.</summary>
    public bool Has(string library, string pattern) =>
        FileSystemName.MatchesSimpleExpression(pattern, library, ignoreCase: Names == StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the system's libraries have the symbols of a version.</summary>
    public bool HasVersion(string version) =>
        Array.Exists(Newest, newest => newest.Split('_')[0] == version.Split('_')[0] && Number(version) <= Number(newest));

    /// <summary>The number in the name of a version, such as 2.34 in GLIBC_2.34.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static Version Number(string version) => Version.TryParse(version.Split('_')[^1], out Version? number) ? number
        : throw new InvalidDataException($"'{version}' is not a version of symbols.");
}
