using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

/// <summary>How MSBuild evaluates the projects and NuGet restores them, without building them.</summary>
public sealed class BuildTests
{
    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public void A_package_folder_is_found_with_and_without_a_slash_at_its_end(string end)
    {
        string packages = Path.Combine(Path.GetTempPath(), "packages");

        string module = Evaluate("tests/Pester", "PesterModule", $"-p:NuGetPackageRoot={packages}{end}");

        Assert.Matches($@"^{Regex.Escape(packages)}[/\\]pester[/\\]", module);
    }

    [Fact]
    public void No_project_relies_on_a_slash_at_the_end_of_the_package_folder()
    {
        string[] projects = [.. new[] { "src", "tests" }.SelectMany(folder => new[] { "*.csproj", "*.props", "*.targets" }
            .SelectMany(kind => Directory.GetFiles(Path.Combine(TestEnvironment.Root, folder), kind, SearchOption.AllDirectories)))
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Contains("obj"))];

        Assert.NotEmpty(projects);
        Assert.All(projects, project => Assert.DoesNotMatch(@"\$\(NuGetPackageRoot\)\w", File.ReadAllText(project)));
    }

    /// <summary>Developers have sources of their own, and work offline.</summary>
    [Fact]
    public void What_NuGet_says_about_sources_keeps_no_package_from_being_restored()
    {
        using LoopbackServer server = new("404 Not Found");
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["nuget.config"], $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="one" value="{new Uri(server.Address, "/one/index.json")}" allowInsecureConnections="true" />
                <add key="two" value="{new Uri(server.Address, "/two/index.json")}" allowInsecureConnections="true" />
              </packageSources>
              <packageSourceMapping>
                <clear />
              </packageSourceMapping>
            </configuration>
            """);
        // A package that the module's build has brought.
        File.WriteAllText(folder["Library.csproj"], """
            <Project Sdk="Microsoft.NET.Sdk">
              <ItemGroup>
                <PackageReference Include="PowerShellStandard.Library" />
              </ItemGroup>
            </Project>
            """);

        string output = DotNet("restore", folder["Library.csproj"],
            $"-p:DirectoryBuildPropsPath={Path.Combine(TestEnvironment.Root, "Directory.Build.props")}",
            $"-p:DirectoryPackagesPropsPath={Path.Combine(TestEnvironment.Root, "Directory.Packages.props")}");

        Assert.Contains("warning NU1507", output, StringComparison.Ordinal);
        Assert.Contains("warning NU1900", output, StringComparison.Ordinal);
    }

    private static string Evaluate(string project, string property, string argument) =>
        DotNet("msbuild", project, $"-getProperty:{property}", argument).Trim();

    private static string DotNet(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = TestEnvironment.Root, RedirectStandardOutput = true,
        })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }
}
