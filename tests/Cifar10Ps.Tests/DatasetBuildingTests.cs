using System.Globalization;
using System.Management.Automation;

namespace Cifar10Ps.Tests;

/// <summary>New-ImageDataset and Split-ImageDataset.</summary>
public sealed class DatasetBuildingTests : IClassFixture<SharedSession>
{
    private const string Setup = $$"""
        {{Session.Setup}}
        $rows = foreach ($i in 0..19) {
            $use = $i -lt 12 ? 'Train' : $i -lt 16 ? 'VAL' : 'test'
            [pscustomobject]@{ file = "$i.bmp"; breed = $i % 2 ? 'odd' : 'even'; use = $use }
        }
        $rows | Export-Csv labels.csv
        $list = @{ PathProperty = 'file'; LabelProperty = 'breed'; Root = 'jpg' }
        """;
    private readonly Session _session;

    public DatasetBuildingTests(SharedSession shared)
    {
        _session = shared.Renew(Setup);
        for (int i = 0; i < 20; i++)
        {
            string path = _session.Folder["jpg", $"{i}.bmp"];
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Pictures.Bmp([.. Enumerable.Repeat((byte)(10 * i), 3 * 32 * 32)]));
        }
    }

    [Fact]
    public void Chosen_images_are_a_data_set_whose_labels_and_indices_are_its_own()
    {
        dynamic[] output = _session.Run("""
            $some = $data.Train | Where-Object LabelName -in ring, disc |
                New-ImageDataset -Test ($data.Test | Where-Object LabelName -in disc, ring) -Name round
            $some
            $some | Start-ModelTraining (New-ResNet20 $some.Classes) -Epochs 1 -BatchSize 8
            """);

        dynamic round = output[0];
        Assert.Equal(["disc", "ring"], (string[])round.Classes);
        Assert.Equal(("round", 14, 8, false),
            ((string)round.Name, (int)round.TrainCount, (int)round.TestCount, (bool)round.HasOwnValidation));
        for (int i = 0; i < 14; i++)
            Assert.Equal((i, (string)round.Train[i].LabelName == "disc" ? 0 : 1), ((int)round.Train[i].Index, (int)round.Train[i].Label));
        Assert.NotNull(output[1].ValidationAccuracy);
    }

    [Fact]
    public void Images_of_several_data_sets_are_joined_by_the_names_of_their_classes()
    {
        dynamic joined = _session.Run("""
            $other = $data.Train | Where-Object LabelName -in square, disc | New-ImageDataset
            New-ImageDataset (@($other.Train) + @($data.Test | Where-Object LabelName -eq square)) -Validation $data.Test[0..9]
            """)[0];

        Assert.Equal(10, joined.Classes.Length);
        foreach (dynamic image in joined.Train)
            Assert.Equal((string)image.LabelName, (string)joined.Classes[image.Label]);
    }

    [Fact]
    public void Images_on_both_sides_and_missing_classes_are_warned_of()
    {
        string[] warnings = [.. _session.Run("$null = New-ImageDataset $data.Train -Test $data.Train[0..4] -WarningVariable w 3>$null; $w")
            .Select(warning => (string)warning.ToString())];

        Assert.Contains("show no", warnings[0], StringComparison.Ordinal);
        Assert.Contains("5 images are in more than one part", warnings[1], StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_held_out_of_a_list_does_not_depend_on_the_location()
    {
        Assert.True(_session.Value<bool>("""
            $list.Remove('Root')
            $rows = $rows | ForEach-Object { [pscustomobject]@{ file = "$pwd/jpg/$($_.file)"; breed = $_.breed } }
            $here = $rows | New-ImageDataset @list
            Set-Location jpg
            $there = $rows | New-ImageDataset @list
            "$($here.Test.Path)" -eq "$($there.Test.Path)"
            """));
    }

    [Fact]
    public void Test_images_that_also_serve_for_validation_stay_test_images()
    {
        Assert.Equal("False True 0", _session.Value<string>("""
            $copy = $data.Train | New-ImageDataset -Validation $data.Validation -Test $data.Test -WarningVariable warned 3>$null
            $fold = $copy | Split-ImageDataset -Fold 5 | Select-Object -First 1
            "$($copy.HasOwnValidation) $($fold.HasOwnValidation) $($warned.Count)"
            """));
    }

    [Theory]
    [InlineData("$data.Train | Where-Object Label -eq 1 | New-ImageDataset", "TooFewClasses")]
    [InlineData("$null | Where-Object { $_ } | New-ImageDataset", "NoImages")]
    [InlineData("(Invoke-Inference $model ./jpg/1.bmp).Image, $data.Train[0] | New-ImageDataset", "TruthUnknown")]
    [InlineData("$list.ImageSize = 16; @($rows | New-ImageDataset @list | % Train) + $data.Train | New-ImageDataset", "ImageSizeMismatch")]
    [InlineData("$list.PathProperty = 'fiel'; $rows | New-ImageDataset @list", "PropertyMissing")]
    [InlineData("$list.Root = 'nowhere'; $rows | New-ImageDataset @list", "DatasetNotFound")]
    [InlineData("$rows | Where-Object breed -eq odd | New-ImageDataset @list", "TooFewClasses")]
    [InlineData("$rows | New-ImageDataset @list -SplitProperty use -TestFraction 0.1", "PartGivenTwice")]
    [InlineData("$rows | New-ImageDataset @list -ValidationFraction 0.6 -TestFraction 0.4", "InvalidFractions")]
    [InlineData("$data.Train | Split-ImageDataset -Fold 2", "DatasetExpected")]
    [InlineData("$data | Split-ImageDataset -Fraction 0.5, 0.4", "InvalidFractions")]
    public void What_gives_no_data_set_is_one_error(string script, string id) => Assert.Equal(id, _session.Fail(script).Id);

    [Theory]
    [InlineData("Import-Csv labels.csv | New-ImageDataset @list", 16, 4, 4)]
    [InlineData("Import-Csv labels.csv | New-ImageDataset @list -TestFraction 0.2", 12, 4, 4)]
    [InlineData("Import-Csv labels.csv | New-ImageDataset @list -SplitProperty use", 12, 4, 4)]
    [InlineData("$rows | ForEach-Object { $_.file = \"$pwd/jpg/$($_.file)\"; $_ } | New-ImageDataset @list", 16, 4, 4)]
    [InlineData("$rows | ForEach-Object { @{ file = $_.file; breed = $_.breed } } | New-ImageDataset @list", 16, 4, 4)]
    [InlineData("$list.Remove('Root'); Set-Location jpg; $rows | New-ImageDataset @list", 16, 4, 4)]
    [InlineData("$rows | ForEach-Object { @{ file = \"..\\jpg\\$($_.file)\"; breed = , $_.breed } } | New-ImageDataset @list", 16, 4, 4)]
    public void A_list_of_files_and_classes_is_a_data_set(string script, int train, int validation, int test)
    {
        dynamic data = _session.Run(script)[0];

        Assert.Equal(["even", "odd"], (string[])data.Classes);
        Assert.Equal((train, validation, test), ((int)data.TrainCount, (int)data.ValidationCount, (int)data.TestCount));
        Assert.Equal("jpg", (string)data.Name);
        foreach (dynamic image in data.Train)
            Assert.Equal((int)image.Label,
                int.Parse(Path.GetFileNameWithoutExtension((string)image.Path), CultureInfo.InvariantCulture) % 2);
    }

    [Fact]
    public void Rows_that_cannot_be_used_are_named_and_the_others_are_read()
    {
        File.WriteAllBytes(_session.Folder["jpg", "torn.png"], Pictures.RedPng[..40]);
        Outcome outcome = _session.Try("""
            $bad = @{ file = '../labels.csv'; breed = 'odd' }, @{ file = '/etc/passwd'; breed = 'odd' },
                @{ file = 'none.bmp'; breed = 'odd' }, @{ file = ''; breed = 'odd' }, @{ file = '1.bmp'; breed = ' ' },
                @{ file = './1.bmp'; breed = 'even' }, @{ file = 'torn.png'; breed = 'even' },
                @{ file = '../jpg2/1.bmp'; breed = 'odd' }, @{ file = '2.bmp'; breed = 'odd', 'even' },
                @{ file = '4.bmp'; breed = [pscustomobject]@{ id = 3 } }, @{ file = '4.bmp'; breed = @{ id = 3 } },
                @{ file = '..\jpg2\1.bmp'; breed = 'odd' } | ForEach-Object { [pscustomobject]$_ }
            $rows + $bad | New-ImageDataset @list -WarningVariable warned 3>$null
            "$warned"
            """);

        Assert.Equal(20, (int)outcome.Output[0].TrainCount + (int)outcome.Output[0].TestCount);
        Assert.Equal(["OutsideRoot", "OutsideRoot", "RowNotUnderstood", "OutsideRoot", "RowNotUnderstood", "RowNotUnderstood",
            "RowNotUnderstood", "OutsideRoot", "InvalidImageFile", "FileNotFound"],
            outcome.Errors.Select(error => error.Id));
        Assert.StartsWith("Row 21: ", outcome.Errors[0].Exception.Message, StringComparison.Ordinal);
        Assert.Contains("pictures that are in the list already: 1 ('1.bmp'); pictures without a class: 1 ('1.bmp')",
            (string)outcome.Output[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_word_that_is_no_part_is_an_error()
    {
        Outcome outcome = _session.Try("$rows[3].use = 'holdout'; $rows | New-ImageDataset @list -SplitProperty use");

        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.Equal("RowNotUnderstood", error.Id);
        Assert.Contains("'holdout'", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(11, (int)outcome.Output[0].TrainCount);
    }

    [Fact]
    public void Folds_are_written_one_by_one_and_trained_in_one_line()
    {
        dynamic[] reports = _session.Run("""
            $rows | New-ImageDataset @list -ValidationFraction 0 | Split-ImageDataset -Fold 5 -Seed 3 |
                ForEach-Object { $_ | Start-ModelTraining (New-ResNet20 $_.Classes) -Epochs 1 -BatchSize 8; $_ }
            """);

        Assert.Equal(["jpg, fold 1 of 5", "jpg, fold 5 of 5"], new[] { reports[1], reports[9] }.Select(fold => (string)fold.Name));
        Assert.All(new[] { 1, 3, 5, 7, 9 }, i => Assert.Equal((16, 4), ((int)reports[i].TrainCount, (int)reports[i].ValidationCount)));
        Assert.All(new[] { 0, 2, 4, 6, 8 }, i => Assert.NotNull(reports[i].ValidationAccuracy));
    }
}
