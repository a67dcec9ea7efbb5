using System.Diagnostics;
using System.IO.Enumeration;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

public sealed class PackagingTests
{
    private static readonly string Dependencies = Path.Combine(TestEnvironment.Module, "dependencies");

    [Fact]
    public void The_third_party_notices_name_every_file_of_others_that_ships()
    {
        // File names stand in the first column of the table, with wildcards where a platform decides on the rest.
        string[] named = [.. Regex.Matches(File.ReadAllText(Path.Combine(TestEnvironment.Module, "ThirdPartyNotices.txt")), @"[\w.]+(\.dll|\.so|-\*|\*)").Select(match => match.Value)];

        string[] unnamed = [.. Directory.GetFiles(Dependencies).Select(file => Path.GetFileName(file))
            .Where(file => !file.StartsWith("Cifar10Ps.", StringComparison.Ordinal) && file != "native-libraries.txt")
            .Where(file => !named.Any(name => FileSystemName.MatchesSimpleExpression(name, file)))];

        Assert.Empty(unnamed);
        Assert.All(["libtorch.txt", "Skia.txt", "Inter.txt"], licence => Assert.True(File.Exists(Path.Combine(TestEnvironment.Module, "licenses", licence)), licence));
    }

    [Fact]
    public void Manifest_assemblies_and_changes_are_of_one_version()
    {
        using Session session = new("");
        session["manifest"] = Path.Combine(TestEnvironment.Module, "Cifar10Ps.psd1");

        string version = session.Value<string>("\"$((Test-ModuleManifest $manifest).Version)\"");

        Assert.All([Path.Combine(TestEnvironment.Module, "Cifar10Ps.dll"), Path.Combine(Dependencies, "Cifar10Ps.Engine.dll")],
            assembly => Assert.StartsWith(version, FileVersionInfo.GetVersionInfo(assembly).FileVersion, StringComparison.Ordinal));
        Assert.Contains($"\n## {version}\n", File.ReadAllText(Path.Combine(TestEnvironment.Module, "CHANGELOG.md")).ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }
}
