using System.Diagnostics;
using System.IO.Enumeration;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

public sealed class PackagingTests
{
    private static readonly string Dependencies = Path.Combine(TestEnvironment.Module, "dependencies");

    /// <summary>The module for this machine, and for other platforms for which it was assembled here.</summary>
    public static TheoryData<string> Modules => [.. Directory.GetDirectories(Path.Combine(TestEnvironment.Root, "artifacts"))
        .Select(folder => Path.Combine(folder, "Cifar10Ps")).Where(Directory.Exists)
        .Select(folder => Path.GetRelativePath(TestEnvironment.Root, folder))];

    [Theory]
    [MemberData(nameof(Modules))]
    public void The_third_party_notices_name_every_file_of_others_that_ships(string module)
    {
        string folder = Path.Combine(TestEnvironment.Root, module);
        // The first column of the table has file names, with wildcards where the rest depends on the platform.
        string notices = File.ReadAllText(Path.Combine(folder, "ThirdPartyNotices.txt"));
        string[] named = [.. Regex.Matches(notices, @"[\w.]+(\.dll|\.dylib|\.so|-\*|\*)").Select(match => match.Value)];

        string[] unnamed = [.. Directory.GetFiles(Path.Combine(folder, "dependencies")).Select(file => Path.GetFileName(file))
            .Where(file => !file.StartsWith("Cifar10Ps.", StringComparison.Ordinal) && file != "native-libraries.txt")
            .Where(file => !named.Any(name => FileSystemName.MatchesSimpleExpression(name, file)))];

        Assert.Empty(unnamed);
        Assert.All(["libtorch.txt", "Skia.txt", "Inter.txt"],
            licence => Assert.True(File.Exists(Path.Combine(folder, "licenses", licence)), licence));
    }

    [Fact]
    public void Manifest_assemblies_and_changes_are_of_one_version()
    {
        using Session session = new("");
        session["manifest"] = Path.Combine(TestEnvironment.Module, "Cifar10Ps.psd1");

        string version = session.Value<string>("\"$((Test-ModuleManifest $manifest).Version)\"");

        Assert.All([Path.Combine(TestEnvironment.Module, "Cifar10Ps.dll"), Path.Combine(Dependencies, "Cifar10Ps.Engine.dll")],
            assembly => Assert.StartsWith(version, FileVersionInfo.GetVersionInfo(assembly).FileVersion, StringComparison.Ordinal));
        Assert.Contains($"\n## {version}\n",
            File.ReadAllText(Path.Combine(TestEnvironment.Module, "CHANGELOG.md")).ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    /// <summary>The package for each platform gets its tag.</summary>
    [Fact]
    public void The_manifest_has_the_places_that_packing_fills_and_no_platform()
    {
        string manifest = File.ReadAllText(Path.Combine(TestEnvironment.Root, "module", "Cifar10Ps.psd1"));
        string script = File.ReadAllText(Path.Combine(TestEnvironment.Root, "build.ps1"));

        Assert.All(["'PSEdition_Core')", "'See CHANGELOG.md.'"], place =>
        {
            Assert.Equal(2, manifest.Split(place).Length);
            Assert.Contains($".Replace(\"{place}\", ", script, StringComparison.Ordinal);
        });
        Assert.DoesNotMatch("'(Linux|Windows|MacOS)'", manifest);
    }
}
