using System.Reflection;
using Cifar10Ps.Build;

namespace Cifar10Ps.Tests;

public sealed class NativeLibraryTests
{
    /// <summary>Libraries for all platforms: those of the package Microsoft.ML.OnnxRuntime.</summary>
    private static readonly string Native = Path.Combine(typeof(NativeLibraryTests).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "OnnxRuntime").Value!, "runtimes");

    [Theory]
    [InlineData("linux-x64/native/libonnxruntime.so", "libonnxruntime.so", "ELF X86_64", "libm.so.6", "OrtGetApiBase", "sqrtf")]
    [InlineData("linux-arm64/native/libonnxruntime.so", "libonnxruntime.so", "ELF AARCH64", "libm.so.6", "OrtGetApiBase", "sqrtf")]
    [InlineData("win-x64/native/onnxruntime.dll", "onnxruntime.dll", "PE Amd64", "KERNEL32.dll", "OrtGetApiBase", "CloseHandle")]
    [InlineData("win-arm64/native/onnxruntime.dll", "onnxruntime.dll", "PE Arm64", "KERNEL32.dll", "OrtGetApiBase", "CloseHandle")]
    [InlineData("osx-arm64/native/libonnxruntime.dylib", "@rpath/libonnxruntime.1.dylib", "Mach-O Arm64", "/usr/lib/libSystem.B.dylib",
        "_OrtGetApiBase", "_memcpy")]
    public void Imports_and_exports_are_read_from_every_format(
        string file, string name, string machine, string needs, string exports, string imports)
    {
        NativeLibrary library = NativeLibrary.Read(Path.Combine(Native, file));

        Assert.Equal(name, library.Name);
        Assert.Equal(machine, library.Machine);
        Assert.Contains(needs, library.Needs);
        Assert.Contains(exports, library.Exports);
        Assert.DoesNotContain(imports, library.Exports);
        Assert.Contains(library.Imports, i => i.Symbol == imports && (i.Library is null || library.Needs.Contains(i.Library)));
    }

    [Theory]
    [InlineData("linux-x64/native/libonnxruntime.so")]
    [InlineData("win-x64/native/onnxruntime.dll")]
    [InlineData("osx-arm64/native/libonnxruntime.dylib")]
    public void What_is_truncated_or_no_library_is_refused(string file)
    {
        string path = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
        byte[] start = new byte[100_000];
        using (FileStream whole = File.OpenRead(Path.Combine(Native, file)))
            whole.ReadExactly(start);
        try
        {
            foreach (int length in new[] { 0, 3, 4, 64, 300, 1_000, start.Length })
            {
                File.WriteAllBytes(path, start[..length]);
                Assert.Contains(path, Assert.Throws<InvalidDataException>(() => NativeLibrary.Read(path)).Message,
                    StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Libraries_that_have_all_they_need_are_right() => Assert.Empty(Check("win-x64", Top(), Bottom()));

    [Fact]
    public void A_symbol_that_no_library_has_is_found() =>
        Assert.Equal(["Top.dll needs gone of bottom.dll, which does not have it."],
            Check("win-x64", Top(new Import("bottom.dll", "gone")), Bottom()));

    [Fact]
    public void A_symbol_of_the_wrong_library_does_not_count() =>
        Assert.Equal(["Top.dll needs top of bottom.dll, which does not have it."],
            Check("win-x64", Top(new Import("bottom.dll", "top")), Bottom()));

    [Fact]
    public void A_library_that_is_neither_packed_nor_of_the_system_is_found()
    {
        string[] problems = Check("win-x64", Top());

        Assert.Equal("Top.dll needs the library Bottom.dll, which is neither packed nor a part of the system.", problems[0]);
        Assert.Equal("Top.dll needs f of Bottom.dll, which does not have it.", problems[1]);
    }

    [Fact]
    public void A_library_for_another_processor_is_found() =>
        Assert.Equal(["Bottom.dll is PE Amd64, not PE Arm64."], Check("win-arm64", Top() with { Machine = "PE Arm64" }, Bottom()));

    [Fact]
    public void A_library_that_nothing_needs_is_found() =>
        Assert.Equal(["Idle.dll is packed, but nothing needs it."], Check("win-x64", Top(), Bottom(), Bottom() with { Name = "Idle.dll" }));

    [Fact]
    public void A_function_that_an_assembly_calls_must_be_there() =>
        Assert.Equal(["The module needs gone of Top.dll, which does not have it."],
            LinkVerification.Check([Top(), Bottom()], [new("Top.dll", "gone")], Platform.Named("win-x64")));

    [Theory]
    [InlineData("GLIBC_2.4", true)]
    [InlineData("GLIBC_2.34", true)]
    [InlineData("GLIBC_2.40", false)]
    [InlineData("GLIBCXX_3.4.32", false)] // what VersionNeed makes weak
    [InlineData("OTHER_1.0", false)]
    public void Versions_newer_than_the_oldest_system_has_are_found(string version, bool isThere)
    {
        NativeLibrary library = new("lib.so", "ELF X86_64", ["libc.so.6"], [new("libc.so.6", "f", version)], ["g"]);

        Assert.Equal(isThere ? [] : [$"lib.so needs f in version {version} of libc.so.6, which does not have it."],
            LinkVerification.Check([library], [new("lib.so", "g")], Platform.Named("linux-x64")));
    }

    [Fact]
    public void The_libraries_beside_the_tests_have_all_they_need()
    {
        string platform = OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";

        Assert.Empty(LinkVerification.Run(AppContext.BaseDirectory, Platform.Named(platform), out string summary));

        Assert.Matches(@"libraries with \d\D\d{3} imports, 1\D\d{3} calls of assemblies: 0 missing", summary);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Only_on_Windows_the_advice_names_the_runtime_of_Visual_C(bool isWindows, bool isNamed)
    {
        string advice = NativeBackend.Remedy(isWindows, "some-platform");

        Assert.Equal(isNamed, advice.Contains("Visual C++", StringComparison.Ordinal));
        Assert.Equal(!isNamed, advice.Contains("the system may lack what it needs", StringComparison.Ordinal));
        Assert.Contains("reinstall the module for this platform (some-platform)", advice, StringComparison.Ordinal);
    }

    private static string[] Check(string platform, params NativeLibrary[] libraries) =>
        LinkVerification.Check(libraries, [new("Top.dll", "top")], Platform.Named(platform));

    // Windows ignores the case of library names.
    private static NativeLibrary Top(params Import[] others) =>
        new("Top.dll", "PE Amd64", ["Bottom.dll", "kernel32.DLL"],
            [new("Bottom.dll", "f"), new("kernel32.DLL", "Sleep"), .. others], ["top"]);

    private static NativeLibrary Bottom() => new("Bottom.dll", "PE Amd64", [], [], ["f"]);
}
