using System.Management.Automation;

namespace Cifar10Ps.Tests;

/// <summary>Networks of layer words.</summary>
public sealed class NewNetworkTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private const string Small = """
        {
            Convolution 16; Norm; ReLU; MaxPool 2
            Residual { Convolution 32 -Stride 2; Norm; Gelu }
            AveragePool; Dropout 0.1; Linear
        }
        """;

    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Each_word_is_a_layer_with_a_name_and_a_shape()
    {
        dynamic[] layers = _session.Run("""
            New-Network -Classes cat, dog, cow -ImageSize 32 {
                Convolution 32; Norm; ReLU
                Residual { Convolution 32; Norm; ReLU; Convolution 32; Norm }; ReLU
                MaxPool 2
                Residual { Convolution 64 -Stride 2 -Groups 4; Norm }; ReLU -Maximum 6
                Residual { Convolution 128 -Size 3, 5 -Stride 2 } { ZeroPad }; Gelu
                AveragePool 2; Dropout 0.2; Linear 20; Linear
            } | Get-ModelSummary | ForEach-Object { "$($_.Name) $($_.Kind) $($_.OutputShape -replace ' ') $($_.Parameters)" }
            """);

        Assert.Equal(
        [
            "input Input 3x32x32 0", "conv1 Convolution 32x32x32 864", "norm1 BatchNorm 32x32x32 64", "relu1 ReLU 32x32x32 0",
            "residual1.conv1 Convolution 32x32x32 9216", "residual1.norm1 BatchNorm 32x32x32 64", "residual1.relu1 ReLU 32x32x32 0",
            "residual1.conv2 Convolution 32x32x32 9216", "residual1.norm2 BatchNorm 32x32x32 64", "residual1.add Add 32x32x32 0",
            "relu2 ReLU 32x32x32 0", "maxpool1 MaxPool 32x16x16 0",
            "residual2.conv1 Convolution 64x8x8 4608", "residual2.norm1 BatchNorm 64x8x8 128",
            "residual2.shortcut.conv1 Convolution 64x8x8 2048", "residual2.shortcut.norm1 BatchNorm 64x8x8 128",
            "residual2.add Add 64x8x8 0",
            "relu3 ClippedReLU 64x8x8 0",
            "residual3.conv1 Convolution 128x4x4 123008", "residual3.shortcut.zeropad1 ZeroPad 128x4x4 0", "residual3.add Add 128x4x4 0",
            "gelu1 Gelu 128x4x4 0", "avgpool1 AveragePool 128x2x2 0", "dropout1 Dropout 128x2x2 0",
            "flatten1 Flatten 512 0", "linear1 Linear 20 10260", "fc Linear 3 63",
        ], layers.Select(layer => (string)layer));
    }

    [Fact]
    public void A_norm_that_begins_a_shortcut_leaves_the_last_convolution_of_the_block_its_bias() => Assert.Equal("84", _session.Run("""
        New-Network 10 { Convolution 3; Residual { Convolution 3 } { Norm }; AveragePool; Linear } | Get-ModelSummary |
            Where-Object Name -eq residual1.conv1 | ForEach-Object { "$($_.Parameters)" }
        """).Single());

    [Fact]
    public void Whitening_and_norms_without_a_scale_have_fewer_learned_values()
    {
        dynamic[] layers = _session.Run("""
            New-Network 10 { Whitening; Gelu; Convolution 8; Norm -NoScale; AveragePool; Scale 0.5; Linear } | Get-ModelSummary |
                ForEach-Object { "$($_.Name) $($_.Kind) $($_.OutputShape -replace ' ') $($_.Parameters)" }
            """);

        Assert.Equal(
        [
            "input Input 3x32x32 0", "whiten1 Convolution 24x31x31 24", "gelu1 Gelu 24x31x31 0", "conv1 Convolution 8x31x31 1728",
            "norm1 BatchNorm 8x31x31 8", "avgpool1 AveragePool 8 0", "scale1 Scale 8 0", "fc Linear 10 90",
        ], layers.Select(layer => (string)layer));
    }

    [Theory]
    [InlineData(0, "its window has 0 x 0 pixels; 1 to 256 are possible")]
    [InlineData(9, "its window has 9 x 9 pixels; at most 8 in width and height whiten")]
    public void The_window_of_whitening_has_limits(int size, string message) =>
        Assert.Contains(message, shared.Renew().Fail($"New-Network 10 {{ Whitening {size}; Linear }}").Exception.Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("Convolution 8; Norm", 8 * 27 + 16)]
    [InlineData("Convolution 8; ReLU", 8 * 27 + 8)]
    [InlineData("Convolution 8 -Bias; Norm", 8 * 27 + 8 + 16)]
    [InlineData("Convolution 8 -NoBias; ReLU", 8 * 27)]
    // The norm is not the only layer that takes the convolution's output.
    [InlineData("Convolution 8; Residual { Norm }", 8 * 27 + 8 + 16)]
    public void A_convolution_has_a_bias_unless_a_norm_follows(string words, int parameters) =>
        Assert.Equal(parameters + 8 * 2 + 2,
            shared.Renew().Value<int>($"(New-Network 2 {{ {words}; AveragePool; Linear }}).ParameterCount"));

    [Fact]
    public void The_language_and_the_names_of_the_user_work_in_the_block()
    {
        string[] expected = ["conv1 8", "relu1 8", "conv2 8", "relu2 8", "conv3 16", "relu3 16", "conv4 16", "avgpool1 16", "fc 10"];
        Assert.Equal(expected, _session.Run("""
            $width = 8
            function Stage($Channels) { convolution $Channels -Stride 2; RELU }
            New-Network 10 {
                1..2 | ForEach-Object { Convolution $width; ReLU }
                foreach ($channels in 16) { Stage $channels }
                if ($width -gt 10) { Dropout }
                $width = 2 * $width
                Convolution $width
                AveragePool; Linear
            } | Get-ModelSummary | Select-Object -Skip 1 | ForEach-Object { "$($_.Name) $(($_.OutputShape -split ' ')[0])" }
            """));
        Assert.Equal(8, _session.Value<int>("$width"));
        Assert.Equal("My net", _session.Value<string>("(New-Network -Name 'My net' { Linear }).Name"));
        Assert.Equal(["class 0", "class 1"], _session.Run("(New-Network 2 { Linear }).Classes"));
    }

    [Fact]
    public void The_words_exist_in_the_block_only()
    {
        _session.Run("$names = { (Get-Command -CommandType Function).Name + (Get-Variable).Name }; $before = @(); $before = & $names");
        _session.Run("$null = New-Network { ReLU; Linear }");

        Assert.Empty(_session.Run("Get-Command Convolution, Norm, Linear, Residual -ErrorAction Ignore"));
        Assert.Empty(_session.Run("& $names | Where-Object { $_ -notin $before }"));
        Assert.Equal("CommandNotFoundException", _session.Fail("Linear").Id);
    }

    [Theory]
    [InlineData("MaxPool 64", "gets 3 x 32 x 32: its window of 64 x 64 pixels is larger than its input")]
    [InlineData("Convolution 8 -Sise 3", "gets 3 x 32 x 32: A parameter cannot be found that matches parameter name 'Sise'.")]
    [InlineData("Convolution eight", "gets 3 x 32 x 32: Cannot process argument transformation on parameter 'Channels'.")]
    [InlineData("Convolution", "gets 3 x 32 x 32: it needs a number: Channels.")]
    [InlineData("Convolution 0 -ErrorAction Ignore", "it has 0 channels")]
    [InlineData("Convolution 8 -Groups 3", "its 3 groups do not divide 3 and 8 channels")]
    [InlineData("Convolution 8 -Size 1, 2, 3", "Size has 3 numbers")]
    [InlineData("Convolution 8 -Bias -NoBias", "Bias and NoBias exclude each other")]
    [InlineData("Convolution 8 -Size '3,5'", "it would be read as 35")]
    [InlineData("ZeroPad", "it takes an even number of channels")]
    [InlineData("Dropout 1", "its rate is 1")]
    [InlineData("Scale", "it needs a number: Factor")]
    [InlineData("Scale 0", "its factor is 0")]
    [InlineData("ReLU; Whitening", "it takes the images, so it has to be the first word")]
    [InlineData("ReLU -Maximum -1", "its largest output is -1")]
    [InlineData("Residual { }", "its block has no layers")]
    [InlineData("Residual { Linear }", "gets 3 x 32 x 32: without a number it is the classifier")]
    [InlineData("Residual { Convolution 3 -Padding 0 }", "its block gives 3 x 30 x 30")]
    [InlineData("Residual { Convolution 8; Convolution 8 -Groups 3 }", "gets 8 x 32 x 32: its 3 groups do not divide 8 and 8 channels")]
    [InlineData("AveragePool; Convolution 8", "gets 3: it takes a feature map")]
    [InlineData("Linear; Linear", "gets 10: it comes after a Linear without a number")]
    [InlineData("Linear 65536; Linear 65536", "with it the network has more than")]
    [InlineData("while ($true) { ReLU }", "2,000 layers at most")]
    [InlineData("function In($n) { if ($n) { Residual { In ($n - 1) } } else { ReLU } }; In 40", "too many residual blocks around it")]
    [InlineData("Convolutoin 8", "after 3 x 32 x 32: 'Convolutoin' is neither a layer word nor a command. The layer words are")]
    [InlineData("Get-Item nothing", "after 3 x 32 x 32: Cannot find path")]
    [InlineData("throw 'no more'", "after 3 x 32 x 32: no more.")]
    [InlineData("Residual { ReLU; throw 'no more' }", "after 3 x 32 x 32: no more.")]
    public void A_mistake_is_one_error_with_its_line_and_the_shapes(string line, string message)
    {
        ErrorRecord error = shared.Renew().Fail($$"""

            New-Network {
                ReLU
            {{line}}
                Linear
            }
            """);

        Assert.Equal(("InvalidNetwork", ErrorCategory.InvalidArgument), (error.Id, error.CategoryInfo.Category));
        Assert.Contains($"ine 4, '{line}', ", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal((4, line), (error.InvocationInfo.ScriptLineNumber, error.InvocationInfo.Line.Trim()));
    }

    [Theory]
    [InlineData("ReLU\nLinear 10", 2, "The block ends with Linear in line 2, 'Linear 10", "it has an output for each of the 10 classes.")]
    [InlineData("ReLU\nReLU", 2, "The block ends with ReLU in line 2", "which gives 3 x 32 x 32.")]
    [InlineData("", 1, "The block has no layers.", "Linear as the last: Convolution, Whitening, Norm,")]
    [InlineData("5; Linear", 1, "The block outputs '5' (Int32), which is not a layer.", "Assign")]
    [InlineData("Residual { ReLU; 'a' }; Linear", 1, "The block outputs 'a' (String), which is not a layer.", "Assign")]
    [InlineData("ReLU; break; Linear", 1, "The block has a break or continue that is not in a loop of the block.", "use return.")]
    [InlineData("Residual { 1 | ForEach-Object { continue } }; Linear", 1, "The block has a break or continue", "use return.")]
    public void A_block_that_is_no_network_says_why(string block, int line, string start, string part)
    {
        ErrorRecord error = shared.Renew().Fail($"New-Network {{ {block} }}");

        Assert.Equal("InvalidNetwork", error.Id);
        // The message is complete: advice about existing models would not fit.
        Assert.Null(error.ErrorDetails);
        Assert.StartsWith(start, error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(line, error.InvocationInfo.ScriptLineNumber);
    }

    [Fact]
    public void A_caught_mistake_leaves_nothing_in_the_network() => Assert.Equal(["input", "flatten1", "fc"], _session.Run("""
        New-Network {
            try { Residual { Convolution 8; MaxPool 64 } } catch { $reason = $_ }
            Linear
        } | Get-ModelSummary | ForEach-Object Name
        """));

    [Theory]
    [InlineData("$ErrorActionPreference = 'SilentlyContinue'; MaxPool 64; Linear", "its window of 64 x 64 pixels is larger")]
    [InlineData("$ErrorActionPreference = 'Continue'; Convolution eight; Linear", "'Channels'")]
    [InlineData("$ErrorActionPreference = 'SilentlyContinue'; Residual { ReLU; MaxPool 64 }; Linear", "its window of 64 x 64 pixels")]
    [InlineData("function Quiet { $ErrorActionPreference = 'Ignore'; MaxPool 64 }; Quiet; Linear", "its window of 64 x 64 pixels")]
    [InlineData("ReLU; Write-Error 'not so'; Linear", "After 3 x 32 x 32: not so.")]
    // Functions of a module see neither the words nor the preference of the block.
    [InlineData("Other; Linear", "'ReLU' is a layer word, which is known in the block and to functions of the script or module")]
    public void A_mistake_ends_the_block_whatever_is_preferred_where_it_is(string block, string message)
    {
        ErrorRecord error = shared.Renew().Fail($"$null = New-Module {{ function Other {{ ReLU; Gelu }} }}; New-Network {{ {block} }}");

        Assert.Equal("InvalidNetwork", error.Id);
        Assert.Contains(message, error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_block_may_have_begin_process_and_end() => Assert.Equal(["input", "relu1", "gelu1", "flatten1", "fc"],
        _session.Run("New-Network { begin { ReLU } process { Gelu } end { Linear } } | Get-ModelSummary | ForEach-Object Name"));

    [Fact]
    public void Words_work_in_the_blocks_of_a_module() => Assert.Equal(["input", "relu1", "gelu1", "flatten1", "fc"], _session.Run("""
        $null = New-Module { function New-Own { New-Network { Stage; Linear } }; function Stage { ReLU; Gelu } }
        New-Own | Get-ModelSummary | ForEach-Object Name
        """));

    [Fact]
    public void It_is_trained_measured_saved_exported_and_used()
    {
        _session.Run($"$own = New-Network $data.Classes -Name Own {Small}; $data | Start-ModelTraining $own @quick | Out-Null");

        Assert.Equal(2, _session.Value<int>("$own.TrainedEpochs"));
        Assert.Equal(32, _session.Value<int>("($data | Measure-Model $own).Count"));
        Assert.Equal("Own", _session.Value<string>("$own | Save-Model own.safetensors; (Import-Model own.safetensors).Name"));
        Assert.True(_session.Value<bool>("""
            $one, $two = ($own, (Import-Model own.safetensors)).ForEach({ $data.Test[0] | Invoke-Inference $_ })
            $one.Confidence -eq $two.Confidence
            """));
        Assert.True(_session.Value<bool>("$own | Export-Model own.onnx; (Get-Item own.onnx).Length -gt 4 * $own.ParameterCount"));
    }

    [Fact]
    public void Images_of_another_size_are_taken_where_the_layers_can()
    {
        _session.Run("""
            $any = New-Network 10 -ImageSize 64 { Convolution 8 -Stride 4; AveragePool; Linear }
            $one = New-Network 10 -ImageSize 64 { Convolution 8 -Stride 4; Linear }
            $data | Start-ModelTraining $any @quick | Out-Null
            """);
        ErrorRecord error = _session.Fail("$data | Start-ModelTraining $one @quick");

        Assert.Equal(2, _session.Value<int>("$any.TrainedEpochs"));
        Assert.Equal("InvalidNetwork", error.Id);
        Assert.Contains("the layer 'fc' (Linear) cannot be computed", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_block_can_be_stopped() =>
        Assert.Empty(_session.RunAndStop("New-Network { ReLU; Residual { ReLU; $stop.Invoke(); Start-Sleep 60 }; Linear }").Output);

    [Fact]
    public void A_stopped_run_ends_with_the_same_bits()
    {
        _session.Run($$"""
            function New-Own { New-Network $data.Classes {{Small}} }
            $data | Start-ModelTraining (New-Own) @quick -OutputDirectory whole | Out-Null
            $data | Start-ModelTraining (New-Own) @quick -OutputDirectory parts | Select-Object -First 1 | Out-Null
            $data | Start-ModelTraining -ResumeFrom parts | Out-Null
            """);

        Assert.True(_session.Value<bool>("(Get-FileHash whole/model.safetensors).Hash -eq (Get-FileHash parts/model.safetensors).Hash"));
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_and_another_one_others()
    {
        _session.Run($"0, 0, 1 | ForEach-Object {{ $i++; New-Network {Small} -Seed $_ | Save-Model \"$i.safetensors\" }}");

        Assert.True(_session.Value<bool>("(Get-FileHash 1.safetensors).Hash -eq (Get-FileHash 2.safetensors).Hash"));
        Assert.False(_session.Value<bool>("(Get-FileHash 1.safetensors).Hash -eq (Get-FileHash 3.safetensors).Hash"));
    }

    [Theory]
    [InlineData("New-Network { Conv", "Convolution")]
    [InlineData("New-Network 10 { ReLU; Residual { max", "MaxPool")]
    [InlineData("Cifar10Ps\\New-Network { Convolution 8 -S", "-Size")]
    [InlineData("New-Network {\n1..3 | ForEach-Object { Norm -", "-Epsilon")]
    public void Tab_completes_words_and_their_parameters_in_the_block(string line, string first) =>
        Assert.Equal(first, shared.Renew().Run($"(TabExpansion2 '{line}').CompletionMatches.CompletionText").First());

    [Theory]
    [InlineData("Convol")]
    [InlineData("Convolution -")]
    [InlineData("New-Network { Linear } -Sh")]
    [InlineData("New-Network {")]
    [InlineData("New-Network { ")]
    public void Tab_knows_no_word_elsewhere_and_completes_nothing_from_nothing(string line) =>
        Assert.Empty(shared.Renew().Run($"(TabExpansion2 '{line}').CompletionMatches | ForEach-Object CompletionText"));

    [Fact]
    public void Completion_is_as_before_when_the_module_is_removed() => Assert.True(_session.Value<bool>("""
        Remove-Module Cifar10Ps
        $before = $function:TabExpansion2
        Import-Module Cifar10Ps
        $during = $function:TabExpansion2
        Remove-Module Cifar10Ps
        $before -ne $during -and $before.Ast -eq $function:TabExpansion2.Ast
        """));
}
