namespace Cifar10Ps.Tests;

public sealed class ModelGraphTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_summary_has_an_object_for_each_layer_and_the_figures_of_the_model()
    {
        dynamic[] layers = _session.Run("$model | Get-ModelSummary");

        Assert.Equal(["input", "conv1", "bn1", "relu", "layer1.0.conv1"], layers.Take(5).Select(layer => (string)layer.Name));
        Assert.Equal(272_474, layers.Sum(layer => (int)layer.Parameters));
        Assert.Equal(40_813_184, (long)layers[0].Model.MultiplyAdds);
        Assert.Equal("64", _session.Value<string>("(Get-ModelSummary $model | Where-Object Kind -eq AveragePool).OutputShape"));
    }

    [Fact]
    public void A_summary_fits_the_images_of_the_model()
    {
        Assert.Equal("64 x 8 x 8, 10", _session.Value<string>("(Get-ModelSummary $model)[-3, -1].OutputShape -join ', '"));
        Assert.Equal(3, _session.Value<int>("(New-ResNet 3 -Depth 32 | Get-ModelSummary)[-1].OutputShape"));
    }

    [Theory]
    [InlineData("a.dot", "")]
    [InlineData("b.GV", "")]
    [InlineData("c", "-Format Dot")]
    public void The_graph_is_written_as_text(string file, string format)
    {
        Session session = shared.Renew();
        Assert.Empty(session.Run($"$model | Export-ModelGraph {file} {format}"));

        Assert.StartsWith("digraph \"ResNet-20\" {", File.ReadAllText(session.Folder[file]), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_are_replaced_by_force_only_and_WhatIf_writes_nothing()
    {
        File.WriteAllText(_session.Folder["a.dot"], "precious");

        Assert.Equal("FileExists", _session.Fail("$model | Export-ModelGraph a.dot").Id);
        Assert.Empty(_session.Run("$model | Export-ModelGraph b.dot -PassThru -WhatIf"));
        Assert.Equal("precious", File.ReadAllText(_session.Folder["a.dot"]));
        Assert.Single(Directory.EnumerateFileSystemEntries(_session.Folder.Path));

        Assert.Equal(_session.Folder["a.dot"], _session.Value<FileInfo>("$model | Export-ModelGraph a.dot -Force -PassThru").FullName);
        Assert.NotEqual("precious", File.ReadAllText(_session.Folder["a.dot"]));
    }

    [Fact]
    public void Without_Graphviz_a_drawing_is_refused_and_nothing_is_written()
    {
        _session.SetEnvironment("PATH", _session.Folder.Path);

        Assert.Equal("GraphvizNotFound", _session.Fail("$model | Export-ModelGraph graph.svg").Id);

        Assert.Empty(Directory.EnumerateFileSystemEntries(_session.Folder.Path));
    }

    [Theory]
    [InlineData("Export-ModelGraph graph.jpeg $model", "UnknownGraphFormat")]
    [InlineData("Export-ModelGraph graph.dot $model -Format Jpeg", "CannotConvertArgumentNoMessage")]
    [InlineData("Export-ModelGraph Env:graph.dot $model", "NotAFileSystemPath")]
    [InlineData("Get-ModelSummary 5", "CannotConvertArgumentNoMessage")]
    public void What_cannot_be_is_refused(string script, string id) => Assert.Equal(id, shared.Renew().Fail(script).Id);
}
