namespace Cifar10Ps.Tests;

public sealed class ImportTests
{
    [Fact]
    public void The_module_exports_its_cmdlets_and_nothing_else_and_PowerShell_likes_their_names()
    {
        using Session session = new("$module = Import-Module Cifar10Ps -PassThru");

        string[] names = [.. session.Run("$module.ExportedCommands.Values | ForEach-Object Name")
            .Select(name => (string)name).Order(StringComparer.Ordinal)];

        // Each cmdlet has a file of its own with its help.
        Assert.Equal(Directory.GetFiles(Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps", "Help"), "*.xml")
            .Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal), names);
        Assert.Contains("Start-ModelTraining", names);
        Assert.Empty(session.Host.Warnings);
    }

    [Fact]
    public void Every_cmdlet_says_what_it_returns()
    {
        using Session session = new();

        Assert.All(session.Run("Get-Command -Module Cifar10Ps"), command =>
            Assert.All((IEnumerable<dynamic>)command.OutputType, type =>
                Assert.Matches("^(Cifar10Ps\\..*|System\\.IO\\.FileInfo|System\\.Void)$", (string)type.Type.FullName)));
        Assert.Equal(0, session.Value<int>("@(Get-Command -Module Cifar10Ps | Where-Object { !$_.OutputType.Count }).Count"));
    }

    [Theory]
    [InlineData("$data | Measure-Model $model 3>&1")]
    // Not all networks compute a single image without it.
    [InlineData("$data.Test[0] | Invoke-Inference (New-SpeedNet $data.Classes) 3>&1")]
    public void Libtorch_is_loaded_when_it_is_needed_and_not_before(string needsIt)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc");
        const string IsLoaded = "[IO.File]::ReadAllText('/proc/self/maps').Contains('libtorch_cpu')";

        (_, string[] output, string messages) = HostProcess.Run($"""
            {Session.Setup}
            {IsLoaded}
            # A single image is computed without it.
            $null = $data.Test[0] | Invoke-Inference $model
            {IsLoaded}
            $null = {needsIt}
            {IsLoaded}
            """);

        Assert.Equal("", messages);
        Assert.Equal(["False", "False", "True"], output);
    }

    [Theory]
    [InlineData("Import-Module Cifar10Ps -Force")]
    [InlineData("Remove-Module Cifar10Ps; Import-Module Cifar10Ps")]
    public void Objects_from_before_another_import_are_still_accepted(string again)
    {
        using Session session = new();
        session.Run("$old = $data.Test[0] | Invoke-Inference $model");

        session.Run(again);

        Assert.Equal(session.Value<double>("$old.Confidence"),
            session.Value<double>("($data.Test[0] | Invoke-Inference $model).Confidence"));
        Assert.True(session.Value<bool>("$old -is [Cifar10Ps.Prediction]"));
    }

    [Fact]
    public void Removing_the_module_in_one_session_leaves_the_other_sessions_alone()
    {
        (_, string[] output, string messages) = HostProcess.Run($"""
            {Session.Setup}
            $null = [powershell]::Create('NewRunspace').AddScript('Import-Module Cifar10Ps; Remove-Module Cifar10Ps').Invoke()
            ($data.Test[0] | Invoke-Inference $model -WarningAction SilentlyContinue).Index
            [Cifar10Ps.Prediction].FullName
            """);

        Assert.Equal("", messages);
        Assert.Equal(["0", "Cifar10Ps.Prediction"], output);
    }

    [Fact]
    public void Types_have_names_in_scripts_as_long_as_the_module_is_imported()
    {
        // PowerShell caches the types that it has looked up, so each is requested once.
        (_, string[] output, string messages) = HostProcess.Run("""
            Import-Module Cifar10Ps
            "imported: $('Cifar10Ps.EpochReport' -as [type])"
            Remove-Module Cifar10Ps
            "removed: $('Cifar10Ps.Prediction' -as [type])"
            Import-Module Cifar10Ps
            "again: $('Cifar10Ps.Prediction' -as [type])"
            """);

        Assert.Equal("", messages);
        Assert.Equal(["imported: Cifar10Ps.EpochReport", "removed: ", "again: Cifar10Ps.Prediction"], output);
    }

    [Theory]
    [InlineData("$data | Start-ModelTraining $model -Epochs 1 -BatchSize 32",
        @"Epoch +Loss +Accuracy +ValLoss +ValAccuracy +LearningRate +ImagesPerSec +Elapsed\n[- ]+\n"
        + @" +1 +\S+ +[\d.]+ % +\S+ +[\d.]+ % \* +\S+ +\d+ 00:\d\d:\d\d")]
    [InlineData("$data | Find-LearningRate $model -BatchSize 16 -Steps 2",
        @"Suggestion +: \d\.\dE-\d\nLowestLossRate +: \d\.\dE[-+]\d\nDiverged +: \w+\n"
        + @"Points +: Rate +Loss +Smoothed loss\n +1\.0E-5 +\d+\.\d{4} +\d+\.\d{4}\n +1\.0E\+1 ")]
    [InlineData("($data | Find-LearningRate $model -BatchSize 16 -Steps 2).Points",
        @"Step +LearningRate +Loss +SmoothedLoss\n[- ]+\n +1 +1\.0E-5 +\d+\.\d{4} +\d+\.\d{4}\n +2 +1\.0E\+1 ")]
    [InlineData("$data.Test[3] | Invoke-Inference $model",
        @"Image +Truth +Guess +Confidence +NextGuesses\n[- ]+\n3 +triangle +\w.* +[\d.]+ % +\w.* [\d.]+ %, \w.* [\d.]+ %")]
    [InlineData("($data.Test[3] | Invoke-Inference $model).Top",
        @"Rank +Class +Probability\n[- ]+\n +1 +\w.* +[\d.]+ %\n +2 +\w.* +[\d.]+ %\n")]
    [InlineData("$data | Measure-Model $model",
        @"Count +: 32\nLoss +: \d+\.\d{4}\nAccuracy +: [\d.]+ %\nTop5Accuracy +: [\d.]+ %\n"
        + @"BalancedAccuracy +: [\d.]+ %\nMacroF1 +: [\d.]+ %\nWeightedF1 +: [\d.]+ %\nCalibrationError +: [\d.]+ %\n"
        + @"Classes +: +Precision +Recall +F1 +Count\n +disc +[\d.]+ % +[\d.]+ % +[\d.]+ % +4\n")]
    [InlineData("($data | Measure-Model $model).Classes",
        @"Class +Count +Precision +Recall +F1\n[- ]+\ndisc +4 +[\d.]+ % +[\d.]+ % +[\d.]+ %\n")]
    [InlineData("$model",
        @"Name +: ResNet-20\nClasses +: 10: class 0, class 1[^:]*\nNetwork +: ResNet-20, Projection shortcuts\nParameterCount +: 272,474\n"
        + @"Preprocessing +: 32 x 32, mean 0\.0000 0\.0000 0\.0000, standard deviation[^:]*\nTrainedEpochs +: 0")]
    [InlineData("$model | Get-ModelSummary",
        @"Model: ResNet-20: 272,474 parameters, 40\.8 M mult-adds, 2\.6 MB an image\n\n"
        + @"Name +Kind +OutputShape +Parameters +MultiplyAdds +Memory\n[- ]+\n"
        + @"input +Input +3 x 32 x 32 +0 +0 +12 KB\nconv1 +Convolution +16 x 32 x 32 +432 +442,368 +64 KB\n")]
    [InlineData("$data", @"Name +: Synthetic\nTrainCount +: 64\nTestCount +: 32\nClasses +: disc, ring[^:]*\nSource +: synthetic")]
    [InlineData("$data.Test[1]", @"Index +Label +LabelName +Width +Height +Path\n[- ]+\n +1 +1 +ring +32 +32")]
    public void Every_kind_of_object_has_a_view(string script, string view)
    {
        using Session session = new();

        session.Run($"{script} | Out-Default");

        Assert.Matches(view, string.Join('\n', session.Host.Text.Split('\n').Select(line => line.TrimEnd())));
    }
}
