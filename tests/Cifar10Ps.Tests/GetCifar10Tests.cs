using System.Formats.Tar;
using System.IO.Compression;
using System.Management.Automation;
using System.Text;

namespace Cifar10Ps.Tests;

public sealed class GetCifar10Tests : IDisposable
{
    private const int RecordLength = 1 + 3 * 32 * 32, FileLength = 10_000 * RecordLength;
    private static readonly string[] FileNames = [.. Enumerable.Range(1, 5).Select(i => $"data_batch_{i}.bin"), "test_batch.bin"];
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("", 2_000, 500)]
    [InlineData("-TrainCount 12", 12, 500)]
    [InlineData("-TrainCount 1 -TestCount 1", 1, 1)]
    public void Synthetic_data_has_as_many_images_as_one_asks_for(string counts, int train, int test)
    {
        _session.Run($"$data = Get-Cifar10 -Synthetic {counts}");

        Assert.Equal(train, _session.Value<int>("$data.Train.Count"));
        Assert.Equal(test, _session.Value<int>("@($data.Test | ForEach-Object { $_ }).Count"));
        Assert.Equal(10, _session.Value<int>("$data.Classes.Count"));
    }

    [Fact]
    public void Synthetic_images_are_always_the_same() =>
        Assert.True(_session.Value<bool>("""
            $other = Get-Cifar10 -Synthetic -TrainCount 3 -TestCount 3
            "$($data.Train[2].GetPixels())" -eq "$($other.Train[2].GetPixels())" -and
                "$($data.Test[2].GetPixels())" -ne "$($other.Train[2].GetPixels())"
            """));

    [Theory]
    [InlineData("$data.Test[0..9]", new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 })]
    [InlineData("$data.Test[-1]", new[] { 31 })]
    [InlineData("$data.Test[7, 3]", new[] { 7, 3 })]
    [InlineData("$data.Test | Where-Object LabelName -eq ring", new[] { 1, 11, 21, 31 })]
    [InlineData("foreach ($image in $data.Test) { if ($image.Label -eq 9) { $image } }", new[] { 9, 19, 29 })]
    public void Images_are_chosen_as_from_any_list(string script, int[] indices) =>
        Assert.Equal(indices, _session.Run(script).Select(image => (int)image.Index));

    [Theory]
    [InlineData("$data.Classes[3]", "triangle")]
    [InlineData("$data.Classes[-1]", "dots")]
    [InlineData("$data.Test.Classes[0, 1]", "disc ring")]
    [InlineData("$model.Classes[0, 1]", "class 0 class 1")]
    [InlineData("$model.Preprocessing.Mean[0]", "0")]
    [InlineData("(New-ResNet20 cat, dog).Classes[1]", "dog")]
    public void Lists_of_names_and_numbers_are_indexed_as_any_list(string script, string values) =>
        Assert.Equal(values, _session.Value<string>($"\"$({script})\""));

    [Fact]
    public void Files_are_read_by_the_book()
    {
        MakeFolder("data/cifar-10-batches-bin", (file, at) => at switch
        {
            0 => (byte)Array.IndexOf(FileNames, file),
            1 + 1024 => 100,
            1 + 2048 + 1 => 200,
            _ => 0,
        });

        _session.Run("$real = Get-Cifar10 data -TrainCount 10001 -TestCount 2");

        Assert.Equal(10_001, _session.Value<int>("$real.Train.Count"));
        Assert.Equal(2, _session.Value<int>("$real.Test.Count"));
        // The first record of each file has the file's number as its class, all others are airplanes.
        Assert.Equal("airplane airplane automobile", _session.Value<string>("\"$($real.Train[0, 1, 10000].LabelName)\""));
        Assert.Equal("dog airplane", _session.Value<string>("\"$($real.Test.LabelName)\""));
        Assert.Equal("0 100 0 200", _session.Value<string>("\"$($real.Test[0].GetPixels()[0, 1024, 2048, 2049])\""));
        Assert.Equal(_session.Folder["data"], _session.Value<string>("$real.Source"));
    }

    [Fact]
    public void An_archive_is_as_good_as_a_folder()
    {
        MakeFolder("cifar-10-batches-bin");
        File.WriteAllBytes(_session.Folder["cifar.tar.gz"], Pack(_session.Folder["cifar-10-batches-bin"]));

        Assert.Equal(50_000, _session.Value<int>("(Get-Cifar10 cifar.tar.gz).Train.Count"));
    }

    [Theory]
    [InlineData("Get-Cifar10 data*")]
    [InlineData("Get-Cifar10 -LiteralPath 'data [1]'")]
    [InlineData("'data*' | Get-Cifar10")]
    [InlineData("[pscustomobject]@{ PSPath = 'data [1]' } | Get-Cifar10")]
    public void A_folder_is_named_by_a_wildcard_or_taken_as_it_is(string command)
    {
        MakeFolder("data [1]");

        Assert.Equal(_session.Folder["data [1]"], _session.Value<string>($"({command} -TrainCount 1 -TestCount 1).Source"));
        MakeFolder("data 2");
        if (command.Contains('*', StringComparison.Ordinal))
            Assert.Equal("AmbiguousPath", _session.Fail(command).Id);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_environment_names_a_folder(bool isRelative)
    {
        MakeFolder("data");
        _session.SetEnvironment("CIFAR10PS_DATA", isRelative ? "data" : _session.Folder["data"]);

        Assert.Equal(_session.Folder["data"], _session.Value<string>("(Get-Cifar10 -TrainCount 1 -TestCount 1 -Verbose).Source"));
        Assert.Contains("CIFAR10PS_DATA", Assert.Single(_session.Host.Verbose), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data_batch_3.bin", FileLength - 1, "BatchFileWrongSize")]
    [InlineData("test_batch.bin", FileLength + 1, "BatchFileWrongSize")]
    [InlineData("data_batch_1.bin", 0, "BatchFileWrongSize")]
    [InlineData("test_batch.bin", null, "BatchFileMissing")]
    public void A_folder_with_a_file_that_is_not_whole_is_refused(string file, int? length, string id)
    {
        MakeFolder("data");
        File.Delete(_session.Folder["data", file]);
        if (length is int bytes)
            File.WriteAllBytes(_session.Folder["data", file], new byte[bytes]);

        ErrorRecord error = _session.Fail("Get-Cifar10 data -TrainCount 20000 -TestCount 10");

        Assert.Equal(id, error.Id);
        Assert.Contains(file, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_no_class_has_is_refused()
    {
        MakeFolder("data", (_, at) => at == 0 ? (byte)200 : (byte)0);

        Assert.Equal("LabelOutOfRange", _session.Fail("Get-Cifar10 data -TrainCount 10 -TestCount 10").Id);
    }

    [Theory]
    [InlineData("nowhere", "DatasetNotFound")]
    [InlineData("empty", "BatchFileMissing")]
    [InlineData("text.tar.gz", "CorruptArchive")]
    [InlineData("cut.tar.gz", "CorruptArchive")]
    [InlineData("other.tar.gz", "BatchFileMissing")]
    public void What_is_no_data_set_is_refused(string path, string id)
    {
        Directory.CreateDirectory(_session.Folder["empty"]);
        File.WriteAllText(_session.Folder["text.tar.gz"], "404: not found");
        byte[] archive = Pack(_session.Folder["empty"]);
        File.WriteAllBytes(_session.Folder["other.tar.gz"], archive);
        File.WriteAllBytes(_session.Folder["cut.tar.gz"], archive[..(archive.Length / 2)]);

        Assert.Equal(id, _session.Fail($"Get-Cifar10 {path}").Id);
    }

    [Theory]
    [InlineData("404 Not Found", "", "DownloadFailed")]
    [InlineData("200 OK", "<html>Log in to the hotel's network</html>", "CorruptArchive")]
    public void A_download_that_fails_is_one_error_and_leaves_no_data(string header, string body, string id)
    {
        using LoopbackServer server = new(header, Encoding.ASCII.GetBytes(body));
        UseOwnCache();

        ErrorRecord error = _session.Fail($"Get-Cifar10 -Uri {server.Address}");

        Assert.Equal(id, error.Id);
        Assert.Contains($"{server.Address}", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(".partial", error.ToString(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_session.Folder["cache", "Cifar10Ps", "cifar-10-batches-bin"]));
        // The next attempt asks again.
        Assert.Equal(id, _session.Fail($"Get-Cifar10 -Uri {server.Address}").Id);
        Assert.Equal(2, server.Requests);
    }

    [Fact]
    public void A_download_of_other_files_is_refused_and_not_kept()
    {
        MakeFolder("cifar-10-batches-bin");
        using LoopbackServer server = new("200 OK", Pack(_session.Folder["cifar-10-batches-bin"]));
        UseOwnCache();

        Assert.Equal("ChecksumMismatch", _session.Fail($"Get-Cifar10 -Uri {server.Address}").Id);
        Assert.All(Directory.EnumerateFiles(_session.Folder["cache"], "*", SearchOption.AllDirectories), file =>
            Assert.Equal(0, new FileInfo(file).Length));
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/cifar-10-binary.tar.gz", "DownloadFailed")] // nothing listens there
    [InlineData("ftp://127.0.0.1/cifar-10-binary.tar.gz", "InvalidUri")]
    [InlineData("cifar-10-binary.tar.gz", "InvalidUri")]
    public void An_address_that_gives_nothing_is_an_error(string address, string id)
    {
        UseOwnCache();

        Assert.Equal(id, _session.Fail($"Get-Cifar10 -Uri {address}").Id);
    }

    [Fact]
    public void A_busy_server_is_asked_again_and_Verbose_says_so()
    {
        using LoopbackServer server = new("503 Busy\r\nRetry-After: 0");
        UseOwnCache();

        Assert.Equal("DownloadFailed", _session.Fail($"Get-Cifar10 -Uri {server.Address} -Verbose").Id);

        Assert.Equal(4, server.Requests);
        Assert.Equal(3, _session.Host.Verbose.Count(line => line.Contains("It is tried again", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("-WhatIf")]
    [InlineData("-Confirm:$false -Verbose")]
    public void What_is_secret_in_an_address_is_not_shown(string switches)
    {
        using LoopbackServer server = new("503 Busy\r\nRetry-After: 0");
        UseOwnCache();
        string address = $"{server.Address}?token=s3cret".Replace("//", "//user:s3cret@", StringComparison.Ordinal);
        _session["address"] = address;

        Outcome outcome = _session.Try($"try {{ Get-Cifar10 -Uri $address {switches} }} catch {{ $_; $_.Exception.ToString() }}");

        string[] shown = [_session.Host.Text, .. _session.Host.Verbose, .. _session.Host.Warnings,
            .. _session.Host.Progress.Select(step => step.Status), .. outcome.Output.Select(item => $"{item}")];
        Assert.Contains(shown, text => text.Contains(server.Address.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain(shown, text => text.Contains("s3cret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ftp://user:s3cret@127.0.0.1/a", "InvalidUri")]
    [InlineData("user:s3cret@127.0.0.1/a", "InvalidUri")]
    [InlineData("http://user:s3/cret@127.0.0.1/a", "ParameterArgumentTransformationError")]
    [InlineData("http://user:s3#cret@127.0.0.1/a", "ParameterArgumentTransformationError")]
    public void An_address_that_is_none_is_refused_without_what_may_be_a_password(string address, string id)
    {
        UseOwnCache();
        _session["address"] = address;

        ErrorRecord error = _session.Fail("Get-Cifar10 -Uri $address");

        Assert.Equal(id, error.Id);
        Assert.DoesNotContain("s3", $"{error} {error.Exception} {error.CategoryInfo}", StringComparison.Ordinal);
    }

    [Fact]
    public void A_proxy_that_the_environment_names_is_used()
    {
        using LoopbackServer proxy = new("404 Not Found");
        string cache = _session.Folder["cache"];

        (_, string[] output, string messages) = HostProcess.Run($$"""
            $env:XDG_CACHE_HOME = '{{cache}}'
            $env:http_proxy = 'http://127.0.0.1:{{proxy.Address.Port}}'
            Import-Module '{{TestEnvironment.Module}}'
            try { Get-Cifar10 -Uri http://host.invalid/cifar-10-binary.tar.gz } catch { $_.Exception.Message }
            """);

        Assert.Contains(output, line => line.Contains("404", StringComparison.Ordinal));
        Assert.Equal(1, proxy.Requests);
        Assert.Equal("", messages);
    }

    [Fact]
    public void Damaged_files_in_the_cache_are_downloaded_again_and_a_warning_says_so()
    {
        using LoopbackServer server = new("404 Not Found");
        UseOwnCache();
        MakeFolder(Path.Combine("cache", "Cifar10Ps", "cifar-10-batches-bin"));

        Assert.Equal("DownloadFailed", _session.Fail($"Get-Cifar10 -Uri {server.Address}").Id);

        Assert.Contains("'data_batch_1.bin'", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
        Assert.Equal(6, Directory.GetFiles(_session.Folder["cache", "Cifar10Ps", "cifar-10-batches-bin"]).Length);
        Assert.Empty(_session.Run($"Get-Cifar10 -Uri {server.Address} -WhatIf"));
        Assert.Equal(1, server.Requests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Files_that_the_user_names_are_read_whatever_their_checksums(bool inEnvironment)
    {
        UseOwnCache();
        string path = Path.Combine("cache", "Cifar10Ps", "cifar-10-batches-bin");
        MakeFolder(path);
        _session.SetEnvironment("CIFAR10PS_DATA", inEnvironment ? path : null);

        Assert.Equal(50_000, _session.Value<int>($"(Get-Cifar10 {(inEnvironment ? "" : path)}).Train.Count"));

        Assert.Empty(_session.Host.Warnings);
    }

    [Fact]
    public void WhatIf_downloads_nothing()
    {
        using LoopbackServer server = new("404 Not Found");
        UseOwnCache();

        Assert.Empty(_session.Run($"Get-Cifar10 -Uri {server.Address} -WhatIf"));

        Assert.Equal(0, server.Requests);
        Assert.False(Directory.Exists(_session.Folder["cache"]));
    }

    [Fact]
    public void A_download_that_hangs_can_be_stopped()
    {
        using LoopbackServer server = new("200 OK\r\nContent-Length: 170000000", new byte[1000], hangs: true);
        UseOwnCache();

        Outcome outcome = _session.RunAndStop($"Get-Cifar10 -Uri {server.Address}", _ => true);

        Assert.Empty(outcome.Output);
    }

    [Fact]
    public void The_real_data_is_downloaded_once_and_complete()
    {
        using LoopbackServer server = new("200 OK", Pack(TestEnvironment.RealData, CompressionLevel.NoCompression));
        UseOwnCache();

        _session.Run($"$real = Get-Cifar10 -Uri {server.Address}; $again = Get-Cifar10 -Uri {server.Address} -TestCount 1");

        Assert.Equal(1, server.Requests);
        Assert.Equal(50_000, _session.Value<int>("$real.Train.Count"));
        Assert.Equal(10_000, _session.Value<int>("$real.Test.Count"));
        Assert.Equal("frog cat", _session.Value<string>("\"$($real.Train[0].LabelName) $($again.Test[0].LabelName)\""));
        Assert.Equal(1_000, _session.Value<int>("@($real.Test | Where-Object LabelName -eq ship).Count"));
        Assert.All(_session.Host.Progress, step => Assert.Equal(1, step.Activity));
        Assert.True(_session.Host.Progress[^1].IsCompleted);
    }

    private void UseOwnCache() => _session.SetEnvironment("XDG_CACHE_HOME", _session.Folder["cache"]);

    /// <summary>Six files of the right length: zeros, but for the first record.</summary>
    private void MakeFolder(string name, Func<string, int, byte>? content = null)
    {
        Directory.CreateDirectory(_session.Folder[name]);
        foreach (string fileName in FileNames)
        {
            using FileStream file = File.Create(_session.Folder[name, fileName]);
            if (content is not null)
                file.Write([.. Enumerable.Range(0, RecordLength).Select(at => content(fileName, at))]);
            file.SetLength(FileLength);
        }
    }

    private static byte[] Pack(string folder, CompressionLevel level = CompressionLevel.Fastest)
    {
        using MemoryStream archive = new();
        using (GZipStream packed = new(archive, level))
            TarFile.CreateFromDirectory(folder, packed, includeBaseDirectory: true);
        return archive.ToArray();
    }
}
