using System.Management.Automation;

namespace Cifar10Ps.Tests;

/// <summary>Export-Image and Show-Image.</summary>
public sealed class ImageOutputTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Images_become_files_in_the_folders_of_their_classes()
    {
        _session.Run("$data.Test[3..5] | Export-Image out");

        Assert.Equal(["cross/00004.png", "horizontal stripes/00005.png", "triangle/00003.png"], Files("out"));
    }

    [Fact]
    public void A_data_set_is_written_in_parts_and_read_as_the_same()
    {
        dynamic[] output = _session.Run("""
            $three = $data | Split-ImageDataset -Fraction 0.8, 0.2
            $three | Export-Image './out [1]'
            Get-ImageDataset './out [1]' 6>$null
            $three
            """);

        (dynamic read, dynamic three) = (output[0], output[1]);
        Assert.Equal(((int)three.TrainCount, (int)three.ValidationCount, (int)three.TestCount),
            ((int)read.TrainCount, (int)read.ValidationCount, (int)read.TestCount));
        Assert.Equal(Pixels(three.Train), Pixels(read.Train));
        Assert.Equal(Pixels(three.Validation), Pixels(read.Validation));

        static string[] Pixels(dynamic split) =>
            [.. ((IEnumerable<dynamic>)split).Select(image => (string)image.LabelName + Convert.ToHexString((byte[])image.GetPixels()))
                .Order()];
    }

    [Fact]
    public void Images_of_predictions_and_files_are_written_too()
    {
        dynamic[] files = _session.Run("""
            $data.Test[0..1] | Invoke-Inference $model | Export-Image out
            Copy-Item ./out/disc/00000.png ./my.photo.png
            Invoke-Inference $model ./my.photo.png, ./out/ring/00001.png, ./my.photo.png | Export-Image out -PassThru
            """);

        Assert.Equal(["disc/00000.png", "ring/00001.png", "unknown/00001.png", "unknown/my.photo (2).png", "unknown/my.photo.png"],
            Files("out"));
        Assert.Equal(["my.photo.png", "00001.png", "my.photo (2).png"], files.Select(file => (string)file.Name));
    }

    [Fact]
    public void What_exists_is_replaced_with_Force_only()
    {
        _session.Run("$data.Test[0] | Export-Image out");

        Assert.Equal("FileExists", _session.Fail("$data.Test[0..2] | Export-Image out").Id);
        Assert.Equal(["disc/00000.png"], Files("out"));
        _session.Run("$data.Test[0..2] | Export-Image out -Force");
        Assert.Equal(3, Files("out").Length);
    }

    [Theory]
    [InlineData("Set-Content file x; $data.Test[0] | Export-Image file", "NotAFolder")]
    [InlineData("$data.Test[0] | Export-Image Env:x", "NotAFileSystemPath")]
    [InlineData("$null | Where-Object { $_ } | Export-Image out", "NoImages")]
    [InlineData("$null = New-Item out/disc/00000.png -ItemType Directory; $data.Test[0] | Export-Image out -Force", "NotARegularFile")]
    [InlineData("$data, $data | Export-Image out", "SeveralDatasets")]
    public void What_cannot_be_written_is_one_error(string script, string id) => Assert.Equal(id, shared.Renew().Fail(script).Id);

    [Fact]
    public void An_export_can_be_stopped()
    {
        Outcome outcome = _session.RunAndStop("Get-Cifar10 -Synthetic | Export-Image out -PassThru", step =>
            step.Status.EndsWith("images", StringComparison.Ordinal));

        Assert.InRange(outcome.Output.Length, 0, 2_000);
        Assert.Empty(Directory.GetFiles(_session.Folder["out"], "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Images_are_shown_as_many_in_a_row_as_fit_and_nothing_goes_into_the_pipeline()
    {
        // The host has 120 columns.
        Assert.Empty(_session.Run("$data.Test[0..5] | Show-Image -Protocol HalfBlocks -Width 24"));

        string[] lines = Shown();
        Assert.Equal(4 * 24, lines[0].Count(c => c == '▀'));
        Assert.Equal("disc                      ring                      square                    triangle", lines[12]);
        Assert.Equal("cross                     horizontal stripes", lines[25]);
        Assert.Equal(26, lines.Length);
    }

    [Fact]
    public void An_image_that_can_no_longer_be_read_does_not_hide_the_others()
    {
        _session.Run("""
            $data.Test[0..7] | Export-Image out
            $files = Get-ImageDataset out -MemoryLimit 0 -ValidationFraction 0 -WarningAction Ignore
            Remove-Item $files.Train[1].Path
            """);

        ErrorRecord error = Assert.Single(_session.Try("$files.Train[0..3] | Show-Image -Protocol Characters -Width 24").Errors);

        Assert.Equal("FileNotFound", error.Id);
        Assert.Equal(_session.Value<string>("$files.Train[1].Path"), error.TargetObject);
        Assert.All(_session.Run("$files.Train[0, 2, 3].LabelName"), label =>
            Assert.Contains((string)label, _session.Host.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Images_that_fill_a_row_are_shown_before_the_last_has_come()
    {
        _session.Run("$data.Test[0..2] | ForEach-Object { $_; Write-Host shown } | Show-Image -Protocol Characters -Width 100");

        Assert.EndsWith("shown", Shown()[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Predictions_have_guess_confidence_and_truth_below()
    {
        string[] guesses = [.. _session.Run("""
            $p = $data.Test[0..3] | Invoke-Inference $model
            $p | Show-Image -Protocol Characters -Width 40
            $p
            """).Select(p => $"{p.Class} {p.Confidence:P0} {((bool)p.IsCorrect ? "✓" : $"✗ {p.LabelName}")}")];

        Assert.All(guesses, guess => Assert.Contains(guess, _session.Host.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Files_are_shown_with_their_names_and_those_that_cannot_be_are_errors()
    {
        _session.Run("$data.Test[0..1] | Export-Image out; Set-Content out/text.png x");

        Outcome outcome = _session.Try("""
            Get-ChildItem out -Recurse -File | Show-Image -Protocol Characters
            Show-Image -Path nowhere.png, out/*/*1.png
            """);

        Assert.Equal(["FileNotFound", "InvalidImageFile"], outcome.Errors.Select(error => error.Id).Order());
        Assert.Equal(2, Shown().Count(line => line.Contains("00001.png", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_file_is_shown_by_its_path_alone_and_what_was_found_by_its_image()
    {
        _session.Run("""
            $data.Test[0] | Export-Image out
            Show-Image out/disc/00000.png -Protocol Characters
            [pscustomobject]@{ Image = $data.Test[1]; Class = 'cat' } | Show-Image -Protocol Characters
            """);

        Assert.Contains(Shown(), line => line.Contains("00000.png", StringComparison.Ordinal));
        Assert.Contains(Shown(), line => line.Contains(_session.Value<string>("$data.Test[1].LabelName"), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "\u001b[38;2;")]
    [InlineData("TERM=xterm-kitty", "\u001b_Ga=T")]
    [InlineData("KITTY_WINDOW_ID=1", "\u001b_Ga=T")]
    [InlineData("KITTY_WINDOW_ID=1;TMUX=/tmp/tmux", "\u001b[38;2;")]
    [InlineData("TERM=screen-256color;TERM_PROGRAM=WezTerm", "\u001b[38;2;")]
    [InlineData("TERM=foot", "\u001bPq")]
    [InlineData("TERM_PROGRAM=WezTerm", "\u001bPq")]
    public void Pixels_are_sent_only_to_terminals_that_are_known_to_take_them(string environment, string beginning)
    {
        UseTerminal(environment);

        _session.Run("$PSStyle.OutputRendering = 'Host'; $data.Test[0] | Show-Image");

        Assert.Contains(beginning, _session.Host.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NO_COLOR=1", "Host")]
    [InlineData("", "PlainText")]
    public void Without_colours_characters_are_drawn(string environment, string rendering)
    {
        UseTerminal(environment);

        // $PSStyle is one for all sessions of the process.
        _session.Run($$"""
            $PSStyle.OutputRendering = '{{rendering}}'
            try { $data.Test[0] | Show-Image } finally { $PSStyle.OutputRendering = 'Host' }
            """);

        Assert.DoesNotContain('\u001b', _session.Host.Text);
        Assert.DoesNotContain('▀', _session.Host.Text);
        // 64 columns, two pixels in each character, and the class.
        Assert.Equal(33, Shown().Length);
    }

    /// <summary>A terminal with colours, and variables that say which one.</summary>
    private void UseTerminal(string environment)
    {
        _session.Host.HasColors = true;
        Dictionary<string, string> given = environment.Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(variable => variable.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        foreach (string name in new[] { "TERM", "TERM_PROGRAM", "KITTY_WINDOW_ID", "TMUX", "STY", "NO_COLOR" })
            _session.SetEnvironment(name, given.GetValueOrDefault(name));
    }

    /// <summary>The lines that were written to the screen.</summary>
    private string[] Shown() => _session.Host.Text.TrimEnd('\n').Split('\n');

    private string[] Files(string folder) => [.. Directory.GetFiles(_session.Folder[folder], "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(_session.Folder[folder], file).Replace('\\', '/')).Order(StringComparer.Ordinal)];
}
