using System.Buffers.Binary;
using System.Text.Json;

namespace Cifar10Ps.Tests;

public sealed class ModelFileTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_model_comes_back_as_it_was_saved()
    {
        _session.Run("""
            $null = $data | Start-ModelTraining $model @quick
            $model | Save-Model a.safetensors
            $back = Import-Model a.safetensors
            $back | Save-Model b.safetensors
            """);

        Assert.Equal(File.ReadAllBytes(_session.Folder["a.safetensors"]), File.ReadAllBytes(_session.Folder["b.safetensors"]));
        Assert.Equal("disc ring square", _session.Value<string>("\"$($back.Classes[0..2])\""));
        Assert.Equal(2, _session.Value<int>("$back.TrainedEpochs"));
    }

    [Fact]
    public void A_model_is_not_taken_for_the_name_of_a_file()
    {
        _session.Run("$model | Save-Model m.safetensors");
        byte[] before = File.ReadAllBytes(_session.Folder["m.safetensors"]);

        Assert.Equal("ParameterArgumentTransformationError", _session.Fail("Save-Model (New-ResNet20 -Seed 9) ./m.safetensors -Force").Id);

        Assert.Equal(before, File.ReadAllBytes(Assert.Single(Directory.GetFiles(_session.Folder.Path))));
    }

    [Fact]
    public void Rows_with_a_path_name_models_and_runs()
    {
        Assert.Equal(["2", "2", "2"], _session.Run("""
            $null = $data | Start-ModelTraining $model @quick -OutputDirectory run
            $row = Get-TrainingRun run | Select-Object Path, BestAccuracy
            "$(($row | Import-Model).TrainedEpochs)"
            "$(@($row | Get-TrainingHistory).Count)"
            "$((Get-TrainingRun run | Get-TrainingRun).Epochs)"
            """));
    }

    [Fact]
    public void A_file_that_lacks_its_preprocessing_is_read_by_Import_Model_for_any_command()
    {
        _session.Run("New-ResNet -Depth 18 | Save-Model m.safetensors");
        byte[] file = File.ReadAllBytes(_session.Folder["m.safetensors"]);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        System.Text.Json.Nodes.JsonObject header = System.Text.Json.Nodes.JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        header.Remove("__metadata__");
        System.Text.Encoding.UTF8.GetBytes(header.ToJsonString().PadRight(length)).CopyTo(file, 8);
        File.WriteAllBytes(_session.Folder["m.safetensors"], file);

        Assert.Contains("Import-Model", _session.Fail("New-ResNet -Pretrained ./m.safetensors cat, dog").Exception.Message,
            StringComparison.Ordinal);
        Assert.Equal("cat dog", _session.Value<string>("""
            $start = Import-Model ./m.safetensors -Mean 0.485, 0.456, 0.406 -StandardDeviation 0.229, 0.224, 0.225
            "$((New-ResNet -Pretrained $start cat, dog).Classes)"
            """));
    }

    [Fact]
    public void A_file_is_plain_safetensors()
    {
        _session.Run("New-ResNet20 cat, dog | Save-Model model.safetensors");

        byte[] file = File.ReadAllBytes(_session.Folder["model.safetensors"]);
        int headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonElement header = JsonDocument.Parse(file.AsMemory(8, headerLength)).RootElement;
        Assert.Equal([16, 3, 3, 3], header.GetProperty("conv1.weight").GetProperty("shape").EnumerateArray().Select(n => n.GetInt32()));
        Assert.Equal([2], header.GetProperty("fc.bias").GetProperty("shape").EnumerateArray().Select(n => n.GetInt32()));
        Assert.Contains("dog", header.GetProperty("__metadata__").ToString(), StringComparison.Ordinal);
        Assert.Equal(file.Length - 8 - headerLength,
            header.EnumerateObject().Where(t => t.Name != "__metadata__").Max(t => t.Value.GetProperty("data_offsets")[1].GetInt32()));
    }

    [Fact]
    public void A_culture_with_decimal_commas_changes_no_file()
    {
        const string Train = "$null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32; $model | Save-Model model.safetensors";
        using Session german = new(culture: "de-DE");

        _session.Run(Train);
        german.Run(Train);

        Assert.Equal(File.ReadAllBytes(_session.Folder["model.safetensors"]), File.ReadAllBytes(german.Folder["model.safetensors"]));
        german.Run("Import-Model model.safetensors");
    }

    [Fact]
    public void WhatIf_saves_nothing()
    {
        Assert.Empty(_session.Run("$model | Save-Model model.safetensors -PassThru -WhatIf"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_session.Folder.Path));
    }

    [Fact]
    public void An_existing_file_is_replaced_by_force_only()
    {
        string file = _session.Folder["model.safetensors"];
        File.WriteAllText(file, "precious");

        Assert.Equal("FileExists", _session.Fail("$model | Save-Model model.safetensors").Id);
        Assert.Equal("precious", File.ReadAllText(file));

        _session.Run("$model | Save-Model model.safetensors -Force");
        _session.Run("Import-Model model.safetensors");
        Assert.Equal([file], Directory.EnumerateFileSystemEntries(_session.Folder.Path));
    }

    [Theory]
    [InlineData("Save-Model a.safetensors -Force", "a.safetensors")]
    [InlineData("Export-Model a.pth -Force", "a.pth")]
    [InlineData("Export-ModelGraph a.dot -Force", "a.dot")]
    public void A_second_model_does_not_replace_the_first_one_of_its_pipeline(string command, string file)
    {
        _session.Run($"$model | {command}");
        byte[] first = File.ReadAllBytes(_session.Folder[file]);

        Assert.Equal("SeveralModels", _session.Fail($"$model, (New-ResNet -Depth 32) | {command}").Id);

        Assert.Equal(first, File.ReadAllBytes(_session.Folder[file]));
        _session.Run($"$model, $model | {command}");
    }

    [Fact]
    public void PassThru_passes_the_model_on()
    {
        Assert.Empty(_session.Run("$model | Save-Model a.safetensors"));
        Assert.True(_session.Value<bool>("[object]::ReferenceEquals($model, ($model | Save-Model b.safetensors -PassThru))"));
    }

    [Theory]
    [InlineData("Save-Model sub/model.safetensors $model", "sub/model.safetensors")]
    [InlineData("Save-Model -LiteralPath 'model[1].safetensors' -Model $model", "model[1].safetensors")]
    [InlineData("Save-Model 'model*.safetensors' $model -Force", "model-old.safetensors")]
    public void A_path_is_that_of_the_session(string script, string file)
    {
        Session session = shared.Renew();
        if (file.EndsWith("-old.safetensors", StringComparison.Ordinal))
            File.WriteAllText(session.Folder[file], "");

        session.Run(script);

        session["file"] = file;
        session.Run("Import-Model -LiteralPath $file");
    }

    [Theory]
    [InlineData("Import-Model model*.safetensors")]
    [InlineData("Import-Model model-a.safetensors, 'model`[b`].safetensors'")]
    [InlineData("'model-a.safetensors', 'model*b*.safetensors' | Import-Model")]
    [InlineData("Import-Model -LiteralPath 'model-a.safetensors', 'model[b].safetensors'")]
    [InlineData("[IO.FileInfo]\"$pwd/model-a.safetensors\", [IO.FileInfo]\"$pwd/model`[b`].safetensors\" | "
        + "ForEach-Object { [pscustomobject]@{ PSPath = $_.FullName } } | Import-Model")]
    [InlineData("[IO.FileInfo]\"$pwd/model-a.safetensors\", [IO.FileInfo]\"$pwd/model?b?.safetensors\" | Import-Model")]
    public void Models_are_imported_by_any_kind_of_path(string script)
    {
        Session session = shared.Renew();
        session.Run("New-ResNet20 2 | Save-Model model-a.safetensors; New-ResNet20 3 | Save-Model -LiteralPath 'model[b].safetensors'");

        // A pattern gives files in the order of the folder, which is not guaranteed.
        Assert.Equal([2, 3], session.Run(script).Select(model => (int)model.Network.ClassCount).Order());
    }

    [Fact]
    public void A_file_that_holds_no_model_is_reported_and_the_next_one_is_imported()
    {
        _session.Run("$model | Save-Model good.safetensors");
        byte[] good = File.ReadAllBytes(_session.Folder["good.safetensors"]);
        File.WriteAllBytes(_session.Folder["cut.safetensors"], good[..^1]);
        File.WriteAllText(_session.Folder["text.safetensors"], "not a model at all");
        File.WriteAllBytes(_session.Folder["empty.safetensors"], [2, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}']);
        File.WriteAllBytes(_session.Folder["foreign.safetensors"], [.. "\x10\0\0\0\0\0\0\0"u8, .. "{\"a\":{}}        "u8]);

        Outcome outcome = _session.Try(
            "'cut', 'text', 'empty', 'foreign', 'missing', 'good' | ForEach-Object { \"$_.safetensors\" } | Import-Model");

        Assert.Equal(["FileDamaged", "UnknownModelFormat", "InvalidModel", "InvalidSafetensors", "FileNotFound"],
            outcome.Errors.Select(e => e.Id));
        Assert.Single(outcome.Output);
    }

    [Theory]
    [InlineData("Save-Model Env:model $model", "NotAFileSystemPath")]
    [InlineData("Save-Model 'model-?.safetensors' $model", "FileNotFound")]
    [InlineData("Save-Model folder $model", "NotARegularFile")]
    [InlineData("Save-Model file/model.safetensors $model", "FileNotWritable")]
    [InlineData("Import-Model Env:PATH", "NotAFileSystemPath")]
    [InlineData("Import-Model -LiteralPath Env:PATH", "NotAFileSystemPath")]
    [InlineData("$data | Start-ModelTraining $model -OutputDirectory Env:result", "NotAFileSystemPath")]
    [InlineData("Get-Cifar10 Env:PATH", "NotAFileSystemPath")]
    public void A_path_that_cannot_hold_a_model_is_refused(string script, string id)
    {
        Session session = shared.Renew();
        Directory.CreateDirectory(session.Folder["folder"]);
        File.WriteAllText(session.Folder["file"], "precious");

        Assert.Equal(id, session.Fail(script).Id);
        Assert.Equal("precious", File.ReadAllText(session.Folder["file"]));
    }
}
