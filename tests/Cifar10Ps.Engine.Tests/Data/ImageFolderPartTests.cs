using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Folders of pictures that have folders for training, validation and testing.</summary>
public sealed class ImageFolderPartTests : ImageFolderTestBase
{
    [Fact]
    public void Folders_of_the_system_beside_the_parts_are_no_classes()
    {
        foreach (string name in new[] { "train/a", "train/b", "@eaDir", "#recycle/a" })
            Draw(name, 10);

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((16, 4), (data.Train.Count, data.Test.Count));
    }

    [Fact]
    public void The_same_picture_in_two_parts_is_warned_of_and_so_are_classes_that_differ_in_case()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || OperatingSystem.IsMacOS(), "the file system has only one spelling");
        foreach (string name in new[] { "train/a", "train/A", "test/a", "test/A" })
            Draw(name, 2);
        File.Copy(_folder["train/a/0.png"], _folder["test/a/copy.png"]);

        Read();

        Assert.Contains(_warnings, warning => warning.Contains("1 image is in more than one part", StringComparison.Ordinal));
        Assert.Contains(_warnings, warning => warning.Contains("'A', 'a'", StringComparison.Ordinal));
    }

    [Fact]
    public void A_part_that_is_a_link_is_named_where_the_parts_are_not_understood()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege");
        using TemporaryFolder elsewhere = new();
        Draw("val/a", 2);
        Draw("val/b", 2);
        Directory.CreateSymbolicLink(_folder["train"], elsewhere.Path);

        AssertError("SplitsNotClasses", () => Read());

        Assert.Contains(_skipped, skipped => skipped.ErrorId == "LinkNotFollowed");
    }

    [Theory]
    [InlineData("train", "val", "test")]
    [InlineData("Training", "VALID", "Testing")]
    [InlineData("TRAIN", "Validation", "test")]
    public void Folders_of_parts_are_understood_and_said(string train, string validation, string test)
    {
        foreach ((string part, int count) in new[] { (train, 6), (validation, 4), (test, 2) })
            Parts(part, count);
        _folder.Write("readme.txt", [1]);

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((12, 8, 4), (data.TrainCount, data.ValidationCount, data.TestCount));
        Assert.All(data.Train, image => Assert.StartsWith(_folder[train], image.Path!, StringComparison.Ordinal));
        Assert.All(data.Validation, image => Assert.StartsWith(_folder[validation], image.Path!, StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, 8), data.Validation.Select(image => image.Index));
        Assert.Equal($"'{_folder.Path}' is read in parts: '{train}' for training, '{validation}' for validation, '{test}' for testing.",
            Assert.Single(_understood));
        Assert.Contains("'readme.txt'", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("val")]
    [InlineData("test")]
    public void The_only_other_part_serves_for_validation_and_testing(string other)
    {
        Parts("train", 6);
        Parts(other, 4);

        ImageDataset data = Read();

        Assert.Equal((12, 8), (data.TrainCount, data.TestCount));
        Assert.False(data.HasOwnValidation);
        Assert.Empty(_warnings);
        Assert.EndsWith($"'train' for training, '{other}' for validation and testing.", Assert.Single(_understood),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_part_can_be_held_out_of_the_training_pictures()
    {
        Parts("train", 10);
        Parts("val", 4);

        ImageDataset data = new ImageFolder(_folder.Path) { TestFraction = 0.2 }.Read();

        Assert.Equal((16, 8, 4), (data.TrainCount, data.ValidationCount, data.TestCount));
        AssertError("PartGivenTwice", () => new ImageFolder(_folder.Path) { ValidationFraction = 0.2 }.Read());
    }

    [Fact]
    public void A_folder_for_training_alone_is_a_folder_of_classes()
    {
        Parts("train", 10);

        ImageDataset data = Read();

        Assert.Equal((16, 4), (data.TrainCount, data.TestCount));
        Assert.Equal(data.Test.Select(image => image.Path), new ImageFolder(_folder["train"]).Read().Test.Select(image => image.Path));
    }

    [Fact]
    public void Parts_may_lie_elsewhere()
    {
        Parts("train", 6);
        Parts("val", 4);
        Draw("more/a", 3);
        Draw("more/b", 3);

        ImageDataset both = new ImageFolder(_folder["train"])
        {
            ValidationPath = _folder["val"], TestPath = _folder["more"] + Path.DirectorySeparatorChar,
        }.Read();
        ImageDataset instead = new ImageFolder(_folder.Path) { ValidationPath = _folder["more"] }.Read();

        Assert.Equal((12, 8, 6), (both.TrainCount, both.ValidationCount, both.TestCount));
        Assert.Equal((12, 6), (instead.TrainCount, instead.ValidationCount));
        AssertError("PartGivenTwice", () => new ImageFolder(_folder["train"]) { TestPath = _folder["train"] }.Read());
        AssertError("DatasetNotFound", () => new ImageFolder(_folder["train"]) { TestPath = _folder["nowhere"] }.Read());
    }

    [Fact]
    public void Pictures_of_another_part_are_no_class_however_deep_they_lie()
    {
        Parts("pics", 6);
        Parts("pics/eval/test", 3);

        ImageDataset data = new ImageFolder(_folder["pics"])
        {
            TestPath = _folder["pics/eval/test"], ValidationFraction = 0, Skipped = (path, _) => Assert.Fail(path), Warning = Assert.Fail,
        }.Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((12, 6), (data.TrainCount, data.TestCount));
    }

    [Fact]
    public void A_folder_is_the_same_by_way_of_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege");
        Parts("pics", 6);
        Parts("pics/holdout", 3);
        Directory.CreateSymbolicLink(_folder["link"], _folder["pics"]);

        ImageDataset data = new ImageFolder(_folder["link"]) { TestPath = _folder["pics/holdout"], ValidationFraction = 0 }.Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((12, 6), (data.TrainCount, data.TestCount));
        AssertError("PartGivenTwice", () => new ImageFolder(_folder["link"]) { TestPath = _folder["pics"] }.Read());
    }

    [Fact]
    public void A_class_that_a_part_lacks_is_told_and_still_a_class()
    {
        foreach (string folder in new[] { "train/cat", "train/dog", "train/owl", "val/cat", "val/dog", "val/yak", "test/owl" })
            Draw(folder, 2);

        ImageDataset data = Read();

        Assert.Equal(["cat", "dog", "owl", "yak"], data.Classes);
        Assert.Equal([3, 3], data.Validation.Where(image => image.LabelName == "yak").Select(image => image.Label));
        Assert.Equal($"The parts of '{data.Name}' have different classes: the images for training show no 'yak', which cannot be learned; "
            + "the images for validation show no 'owl'; the images for testing show no 'cat', 'dog', 'yak'.", Assert.Single(_warnings));
    }

    [Fact]
    public void What_lies_beside_the_parts_is_counted()
    {
        Parts("train", 2);
        Parts("val", 2);
        Draw("test", 3);
        Draw("train", 1);
        Draw("unlabelled/x", 3);

        Assert.Equal((4, 4), (Read().TrainCount, Read().TestCount));
        Assert.Contains("folders beside those of the parts: 2 (such as 'test'); pictures outside the class folders: 1 ('train/0.png')",
            _warnings[0].Replace('\\', '/'), StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_for_training_must_be_readable()
    {
        Parts("val", 2);
        foreach (string name in new[] { "a", "b" })
        {
            Directory.CreateDirectory(_folder["train/" + name]);
            _folder.Write($"train/{name}/0.png", [1]);
        }

        AssertError("NoImages", () => Read());
    }

    [Theory]
    [InlineData("none of them is for training", "val", "test")]
    [InlineData("more than one is for validation", "train", "val", "valid")]
    public void Parts_that_make_no_sense_are_not_taken_for_classes(string because, params string[] parts)
    {
        foreach (string part in parts)
            Parts(part, 2);

        Assert.Contains(because, AssertError("SplitsNotClasses", () => Read()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train")]
    [InlineData("val")]
    public void A_class_called_like_a_part_may_have_subfolders_beside_other_classes(string name)
    {
        Draw(name + "/steam", 3);
        Draw("bus", 3);

        Assert.Equal(new[] { "bus", name }, Read().Classes);
        Assert.Empty(_understood);
    }

    [Fact]
    public void Damage_is_named_in_every_part()
    {
        Parts("train", 2);
        Parts("test", 2);
        _folder.Write("test/a/cut.png", File.ReadAllBytes(_folder["test/a/0.png"]).AsSpan(0, 40));
        _folder.Write("test/b/scan.tif", "II*\0"u8);
        Directory.CreateDirectory(_folder["test/c"]);
        Directory.CreateDirectory(_folder["train/c"]);

        Assert.Equal(4, Read().TestCount);
        Assert.Equal([("test/a/cut.png", "InvalidImageFile"), ("train/c", "EmptyClass"), ("test/c", "EmptyClass")], _skipped);
        Assert.Contains("'test/b/scan.tif'", Assert.Single(_warnings).Replace('\\', '/'), StringComparison.Ordinal);
    }

    [Fact]
    public void Classes_may_be_called_like_splits()
    {
        Draw("train", 2);
        Draw("test", 2);

        Assert.Equal(["test", "train"], Read().Classes);
    }
}
