namespace Cifar10Ps.Tests;

/// <summary>What is in a folder of pictures besides pictures that can be read.</summary>
public sealed class ImageFolderLeftOutTests : ImageFolderTestBase
{
    [Fact]
    public void What_cannot_be_read_is_named_and_left_out()
    {
        Draw("a", 5);
        Draw("b", 5);
        byte[] whole = File.ReadAllBytes(_folder["a/0.png"]);
        File.WriteAllBytes(_folder["a/cut.png"], whole[..(whole.Length / 2)]);
        File.WriteAllText(_folder["a/text.jpg"], "no picture");
        File.WriteAllBytes(_folder["b/empty.bmp"], []);
        Directory.CreateDirectory(_folder["c"]);
        File.WriteAllText(_folder["c/readme.txt"], "");

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(10, data.Train.Count + data.Test.Count);
        Assert.Equal([("a/cut.png", "InvalidImageFile"), ("a/text.jpg", "InvalidImageFile"),
            ("b/empty.bmp", "InvalidImageFile"), ("c", "EmptyClass")], _skipped.Order());
    }

    [Fact]
    public void What_systems_put_into_folders_is_passed_over_without_a_word()
    {
        Draw("a", 2);
        Draw("b", 2);
        byte[] picture = File.ReadAllBytes(_folder["a/0.png"]);
        foreach (string name in new[] { "__MACOSX", "@eaDir", ".git", ".svn", ".ipynb_checkpoints",
            ".thumbnails", "$RECYCLE.BIN", "System Volume Information", "lost+found" })
        {
            Draw(name, 2);
            Draw("a/" + name, 2);
        }

        foreach (string name in new[] { "Thumbs.db", "desktop.ini", ".DS_Store", "._0.png", ".gitignore", ".directory" })
        {
            _folder.Write(name, picture);
            _folder.Write("a/" + name, picture);
        }

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(4, data.Train.Count + data.Test.Count);
        Assert.Empty(_skipped);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void A_folder_with_a_blank_name_is_no_class()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names.");
        Draw("a", 2);
        Draw("b", 2);
        Draw(" ", 2);

        Assert.Equal(["a", "b"], Read().Classes);

        Assert.Contains("folders with a blank name", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void What_else_is_left_out_is_counted_by_reason_in_one_warning()
    {
        Draw("a", 2);
        Draw("b", 2);
        byte[] picture = File.ReadAllBytes(_folder["a/0.png"]);
        Draw("a/.cache", 2);
        _folder.Write("b/.secret.png", picture);
        _folder.Write("loose.png", picture);
        _folder.Write("labels.csv", picture);
        _folder.Write("a/readme.txt", picture);
        _folder.Write("a/scan.tif", "II*\0"u8);
        _folder.Write("a/phone.jpg", "\0\0\0\u0018ftypheic\0\0\0\0mif1heic"u8);
        _folder.Write("b/phone.HEIC", "\0\0\0\u0018ftypheic\0\0\0\0mif1heic"u8);
        // Judged by its content, it is a readable picture.
        _folder.Write("b/wrong.tiff", picture);

        ImageDataset data = Read();

        Assert.Equal(5, data.Train.Count + data.Test.Count);
        Assert.Empty(_skipped);
        string warning = Assert.Single(_warnings).Replace('\\', '/');
        Assert.StartsWith($"Left out of '{_folder.Path}': ", warning, StringComparison.Ordinal);
        foreach (string part in new[]
        {
            "hidden: 2 (such as 'a/.cache')", "files without a picture extension: 2 (such as 'labels.csv')",
            "pictures in a format that is not supported: 3 (such as 'a/phone.jpg')",
            "pictures outside the class folders: 1 ('loose.png')",
        })
            Assert.Contains(part, warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_class_without_a_picture_that_can_be_read_is_named()
    {
        Draw("a", 2);
        Draw("b", 2);
        Directory.CreateDirectory(_folder["c"]);
        _folder.Write("c/scan.tif", "MM\0*"u8);

        Assert.Equal(["a", "b"], Read().Classes);
        Assert.Equal([("c", "EmptyClass")], _skipped);
    }

    [Fact]
    public void Links_are_named_and_not_followed()
    {
        Draw("a", 2);
        Draw("b", 2);
        using TemporaryFolder elsewhere = new();
        elsewhere.Write("secret.png", File.ReadAllBytes(_folder["a/0.png"]));
        File.CreateSymbolicLink(_folder["a/link.png"], elsewhere["secret.png"]);
        Directory.CreateSymbolicLink(_folder["b/loop"], _folder.Path);
        Directory.CreateSymbolicLink(_folder["c"], elsewhere.Path);

        ImageDataset data = Read();

        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal(4, data.Train.Count + data.Test.Count);
        Assert.Equal([("a/link.png", "LinkNotFollowed"), ("b/loop", "LinkNotFollowed"), ("c", "LinkNotFollowed")], _skipped.Order());
    }

    [Fact]
    public void A_pipe_is_not_waited_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs mkfifo");
        Draw("a", 2);
        Draw("b", 2);
        System.Diagnostics.Process.Start("mkfifo", [_folder["a/pipe.png"]]).WaitForExit();

        Read();

        Assert.Equal([("a/pipe.png", "NotARegularFile")], _skipped);
    }
}
