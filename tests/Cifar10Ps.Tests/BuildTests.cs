using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

/// <summary>How MSBuild evaluates the projects, without building them.</summary>
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

    private static string Evaluate(string project, string property, string argument)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", ["msbuild", project, $"-getProperty:{property}", argument])
        {
            WorkingDirectory = TestEnvironment.Root, RedirectStandardOutput = true,
        })!;
        string value = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, value);
        return value;
    }
}
