namespace Cifar10Ps.Tests;

/// <summary>Models from other programs, and names never meant for a terminal, as the user sees them.</summary>
public sealed class ForeignModelTests : IDisposable
{
    // One network under two prefixes, made of a saved model: its header with each tensor twice, then its values twice.
    private const string Twice = """
        New-ResNet20 2 | Save-Model one.safetensors
        $bytes = [IO.File]::ReadAllBytes("$pwd/one.safetensors")
        $length = [BitConverter]::ToInt64($bytes, 0)
        $header = [Text.Json.Nodes.JsonNode]::Parse([Text.Encoding]::UTF8.GetString($bytes, 8, $length))
        $values = $bytes[(8 + $length)..($bytes.Length - 1)]
        $both = [ordered]@{}
        foreach ($pair in $header) {
            if ($pair.Key -eq '__metadata__') { continue }
            $from, $to = $pair.Value['data_offsets'].ToJsonString() | ConvertFrom-Json
            foreach ($network in 0, 1) {
                $both[('student.', 'teacher.')[$network] + $pair.Key] = @{
                    dtype = 'F32'
                    shape = @($pair.Value['shape'].ToJsonString() | ConvertFrom-Json)
                    data_offsets = ($from + $network * $values.Length), ($to + $network * $values.Length)
                }
            }
        }
        $json = [Text.Encoding]::UTF8.GetBytes(($both | ConvertTo-Json -Depth 4))
        [IO.File]::WriteAllBytes("$pwd/two.safetensors", [BitConverter]::GetBytes([long]$json.Length) + $json + $values + $values)
        $plain = @{ Mean = 0, 0, 0; StandardDeviation = 1, 1, 1 }
        """;

    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_key_chooses_one_of_two_networks_and_verbose_says_which()
    {
        _session.Run(Twice);

        var error = Assert.Single(_session.Try("Import-Model two.safetensors @plain").Errors);

        Assert.Equal("SeveralNetworks", error.Id);
        Assert.Contains("'student', 'teacher'", error.Exception.Message, StringComparison.Ordinal);
        _session.Run("$teacher = Import-Model two.safetensors -Key teacher @plain -Verbose");
        Assert.Contains(_session.Host.Verbose, text => text.Contains("prefix 'teacher.'", StringComparison.Ordinal));
        Assert.Equal("NetworkNotFound", Assert.Single(_session.Try("Import-Model two.safetensors -Key pupil @plain").Errors).Id);
    }

    [Theory]
    [InlineData("model.onnx")]
    [InlineData("model.PT")]
    [InlineData("model.pth")]
    [InlineData("model.npz")]
    [InlineData("model.ckpt")]
    [InlineData("model.h5")]
    public void A_model_is_not_saved_under_the_name_of_another_format(string name)
    {
        var error = _session.Fail($"$model | Save-Model {name} -Force");

        Assert.Equal("WrongFileName", error.Id);
        Assert.Contains("Export-Model", error.Exception.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_session.Folder.Path));
        _session.Run("$model | Save-Model model; $model | Save-Model model.v1.2; $model | Save-Model model.safetensors");
    }

    [Theory]
    [InlineData("-Mean 125.3, 123, 113.9 -StandardDeviation 63, 62.1, 66.7", "255")]
    [InlineData("-Mean 125.3, 123, 113.9", "255")]
    [InlineData("-Mean -0.485, -0.456, -0.406 -StandardDeviation 0.229, 0.224, 0.225", "below 0")]
    public void A_preprocessing_that_cannot_be_meant_is_refused(string arguments, string because)
    {
        _session.Run("$model | Save-Model model.safetensors");

        var error = _session.Fail($"Import-Model model.safetensors {arguments}");

        Assert.Equal("InvalidPreprocessing", error.Id);
        Assert.Contains(because, error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_of_zeros_is_warned_of()
    {
        _session.Run($$"""
            {{Twice}}
            $zero = [BitConverter]::GetBytes([long]$json.Length) + $json + [byte[]]::new(2 * $values.Length)
            [IO.File]::WriteAllBytes("$pwd/zero.safetensors", $zero)
            $null = Import-Model two.safetensors -Key student @plain
            """);
        Assert.Empty(_session.Host.Warnings);

        _session.Run("$null = Import-Model zero.safetensors -Key student @plain");

        Assert.Contains(_session.Host.Warnings, warning => warning.Contains("'layer1.0.conv1'", StringComparison.Ordinal));
    }

    [Fact]
    public void Control_characters_in_class_names_and_file_names_reach_no_terminal()
    {
        string file = _session.Folder["a\e]0;owned\a.safetensors"];
        _session.Run("""
            $evil = New-ResNet20 "cat`e[31m`u{9b}2J", "dog`nWARNING: all is well", "`u{202e}txt"
            $evil | Format-List | Out-Default
            $evil | Get-ModelSummary | Out-Default
            $data.Test[0] | Invoke-Inference $evil | Out-Default
            $data.Test[0] | Invoke-Inference $evil | Format-List | Out-Default
            """);
        File.WriteAllText(file, "text\e[2J");

        Outcome outcome = _session.Try("Import-Model *.safetensors -Verbose");

        Assert.Contains(@"cat\u001b[31m\u009b2J", _session.Host.Text, StringComparison.Ordinal);
        string shown = _session.Host.Text.Replace("\n", "", StringComparison.Ordinal).Replace("\r", "", StringComparison.Ordinal)
            + Assert.Single(outcome.Errors).Exception.Message;
        Assert.Contains(@"a\u001b]0;owned\u0007.safetensors", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("\e[31m", shown, StringComparison.Ordinal);
        Assert.DoesNotContain(shown, c => c is '\a' or '\u009b' or '\u202e');
        Assert.DoesNotContain("\nWARNING", _session.Host.Text, StringComparison.Ordinal);
    }
}
