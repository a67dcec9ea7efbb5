using System.Collections;
using System.Management.Automation;
using System.Reflection;
using System.Xml.Linq;

namespace Cifar10Ps.Tests;

/// <summary>The views of module/Cifar10Ps.Format.ps1xml, for every type that a cmdlet writes and for the types of its properties.</summary>
public sealed class ViewTests
{
    private const int Columns = 80;
    private static readonly XElement[] Views =
        [.. XDocument.Load(Path.Combine(TestEnvironment.Module, "Cifar10Ps.Format.ps1xml")).Descendants("View")];

    [Fact]
    public void Every_type_that_cmdlets_write_has_a_table_that_fits_and_a_list()
    {
        using Session session = new("Import-Module Cifar10Ps");
        Type[] written = [.. session.Run("(Get-Command -Module Cifar10Ps).OutputType | ForEach-Object Type")
            .Select(type => (Type)type).Where(IsOurs)];
        HashSet<Type> types = [];
        foreach (Type type in written)
            Add(type, types);

        Assert.Superset(new HashSet<string> { "EpochReport", "Prediction", "ClassProbability", "Evaluation",
            "ClassEvaluation", "ImageClassifier", "LabeledImage" }, types.Select(type => type.Name).ToHashSet());
        Assert.All(types, type =>
        {
            XElement[] views = [.. Views.Where(view => view.Descendants("TypeName").Any(name => name.Value == type.FullName))];
            Assert.True(views.Any(view => view.Element("TableControl") is not null), $"{type.Name} has no table");
            Assert.True(views.Any(view => view.Element("ListControl") is not null), $"{type.Name} has no list");
        });
    }

    [Fact]
    public void Headings_are_names_that_the_objects_answer_to()
    {
        using Session session = new();
        session.Run("""
            $evaluation = $data | Measure-Model $model
            $prediction = $data.Test[0] | Invoke-Inference $model
            $range = $data | Find-LearningRate $model -BatchSize 32 -Steps 2
            $layer = (Get-ModelSummary $model)[0]
            $report = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory run
            $run = Get-TrainingRun run
            $calibration = $data | Optimize-ModelCalibration $model
            $similar = $data.Test[0] | Find-SimilarImage -In $data.Train -Top 1
            $doubt = ($data | Find-LabelError $model)[0]
            $objects = @{}
            $every = @(
                $report; $evaluation; $evaluation.Classes[0]; $evaluation.Confusions[0]; $prediction; $prediction.Top[0]
                $evaluation.Reliability[14]; $calibration; $similar; $doubt; $run
                $range; $range.Points[0]; $layer; $layer.Model; $model; $model.Network; $model.Preprocessing; $data.Test[0])
            foreach ($object in $every) { $objects[$object.GetType().FullName] = $object }
            $objects['Cifar10Ps.ImageDataset'] = $data
            # A real one needs MPI.
            $objects['Cifar10Ps.TrainingCluster'] =
                [Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject([Cifar10Ps.TrainingCluster])
            """);
        foreach (XElement view in Views)
        {
            session["type"] = view.Descendants("TypeName").Single().Value;
            session["names"] = view.Descendants("TableColumnHeader").Select(header => header.Element("Label")!.Value)
                .Concat(view.Descendants("ListItem")
                    .Select(item => (item.Element("Label") ?? item.Element("PropertyName"))!.Value)).ToArray();

            Assert.Empty(session.Run(
                "foreach ($name in $names) { if (!$objects[$type].PSObject.Members[$name]) { \"$type has no $name\" } }"));
        }
    }

    [Fact]
    public void What_is_written_reads_well_as_text()
    {
        using Session session = new("Import-Module Cifar10Ps");
        HashSet<Type> types = [];
        foreach (Type type in session.Run("(Get-Command -Module Cifar10Ps).OutputType | ForEach-Object Type")
            .Select(type => (Type)type).Where(IsOurs))
            Add(type, types);

        // Overridden by hand: by default, the text of a class is its name, and that of a record lists all of its content.
        Assert.All(types, type => Assert.False(type.GetMethod("ToString", Type.EmptyTypes)!.DeclaringType != type
            || type.GetMethod("ToString", Type.EmptyTypes)!.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute)),
            type.Name));
    }

    [Fact]
    public void Tables_are_no_wider_than_80_columns_and_their_headings_fit()
    {
        Assert.All(Views.Where(view => view.Element("TableControl") is not null), view =>
        {
            string name = view.Element("Name")!.Value;
            XElement[] headers = [.. view.Descendants("TableColumnHeader")];
            // Only the last column may take the remaining width, and it needs some.
            int[] widths = [.. headers
                .Select((header, i) => (int?)header.Element("Width") ?? (i == headers.Length - 1 ? 10 : int.MaxValue / 100))];
            Assert.True(widths.Sum() + widths.Length - 1 <= Columns, $"{name} is {widths.Sum() + widths.Length - 1} wide");
            Assert.Equal(headers.Length, view.Descendants("TableColumnItem").Count());
            Assert.All(headers, header => Assert.True(header.Element("Width") is null
                || header.Element("Label")!.Value.Length <= (int)header.Element("Width")!, $"{name}: {header}"));
        });
    }

    [Fact]
    public void Large_numbers_are_not_cut()
    {
        using Session session = new();
        session.Run("$Host.UI.RawUI.BufferSize = $Host.UI.RawUI.WindowSize = [Management.Automation.Host.Size]::new(80, 50)");
        session.Run("""
            $report = ($data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 | ConvertTo-Json | ConvertFrom-Json)
            $report.PSTypeNames.Insert(0, 'Cifar10Ps.EpochReport')
            $report.Loss, $report.ValidationLoss, $report.Elapsed = 250.1234, 98765.4, [timespan]'4.05:00:00'
            """);

        string layers = session.Value<string>("""
            $large = New-Network -ImageSize 224 { Convolution 64; ReLU; Convolution 64; AveragePool; Linear }
            $small = New-ResNet20 -Shortcut ZeroPad
            ($large | Get-ModelSummary | Out-String -Width 80) + ($small | Get-ModelSummary | Out-String -Width 80)
            """);
        string epoch = session.Value<string>("$report | Out-String -Width 80");

        foreach (string figure in new[] { "1,849,688,064", "64 x 224 x 224", " MB", "layer2.0.shortcut ", "64 KB" })
            Assert.Contains(figure, layers, StringComparison.Ordinal);
        Assert.Matches(@" 250\.1234 .* 9\.88e\+4 .* 4d 05h", epoch);
        Assert.DoesNotContain("…", epoch, StringComparison.Ordinal);
    }

    [Fact]
    public void A_data_set_of_three_parts_looks_the_same_after_a_job()
    {
        using Session session = new();

        Assert.True(session.Value<bool>("""
            $three = $data | Split-ImageDataset -Fraction 0.6, 0.2, 0.2
            $back = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($three))
            ($three | Format-List | Out-String) -eq ($back | Format-List | Out-String)
            """));
    }

    [Fact]
    public void Numbers_have_fixed_formats()
    {
        // Fractions and large numbers would otherwise be printed with all their digits.
        string[] bare = [.. from item in Views.Descendants().Where(item => item.Name.LocalName is "TableColumnItem" or "ListItem")
                            where item.Element("FormatString") is null && item.Element("PropertyName") is not null
                            select item.Element("PropertyName")!.Value];

        Assert.DoesNotContain(bare, name => name.Contains("Loss", StringComparison.Ordinal)
            || name.Contains("Accuracy", StringComparison.Ordinal) || name.Contains("Rate", StringComparison.Ordinal)
            || name is "Confidence" or "Probability" or "Precision" or "Recall" or "F1" or "ImagesPerSecond" or "Elapsed"
                or "ParameterCount" or "MultiplyAdds");
    }

    [Theory]
    [InlineData("")]
    [InlineData("de-DE")]
    public void What_is_printed_fits_and_has_the_numbers_of_the_culture(string culture)
    {
        string[] scripts =
        [
            "$data.Test[0..3] | Invoke-Inference $model", "$data | Measure-Model $model",
            "($data | Measure-Model $model).Classes", "$model", "$data", "$data.Test[0..3]", "$model.Preprocessing", "$model.Network",
            "$data | Start-ModelTraining $model -Epochs 2 -BatchSize 32",
        ];
        using Session session = new(culture: culture);
        session.Run("$Host.UI.RawUI.BufferSize = $Host.UI.RawUI.WindowSize = [Management.Automation.Host.Size]::new(80, 50)");
        foreach (string script in scripts)
        {
            session.Host.Clear();
            session.Run($"{script} | Out-Default");
            Assert.All(session.Host.Text.Split('\n'), line => Assert.True(line.TrimEnd().Length <= Columns, $"{script}: {line}"));
            if (script.Contains("Measure-Model", StringComparison.Ordinal))
                Assert.Matches(culture == "" ? @"\d\.\d %" : @"\d,\d.%", session.Host.Text);
        }
    }

    [Fact]
    public void Guesses_are_coloured_where_the_host_has_colours_and_only_where_the_truth_is_known()
    {
        string script = Assert.Single(Views.Single(view => view.Element("Name")!.Value == "Cifar10Ps.Prediction")
            .Descendants("ScriptBlock"), block => block.Value.Contains("PSStyle", StringComparison.Ordinal)).Value;
        using Session session = new();

        // Only terminals get the escape sequences; this host is not one.
        string[] painted = [.. session.Run($$"""
            $text = {{"'" + script.Replace("'", "''", StringComparison.Ordinal) + "'"}}
            $view = [scriptblock]::Create($text.Replace('$Host.UI.SupportsVirtualTerminal', '$terminal'))
            foreach ($terminal in $false, $true) {
                foreach ($right in $true, $false, $null) { [pscustomobject]@{ Class = 'cat'; IsCorrect = $right } | ForEach-Object $view }
            }
            """).Select(text => (string)text)];

        Assert.Equal(["cat", "cat", "cat", "\e[32mcat\e[0m", "\e[91mcat\e[0m", "cat"], painted);
    }

    // Jobs have PowerShell's own views.
    private static bool IsOurs(Type? type) => type?.Namespace == "Cifar10Ps" && !type.IsEnum && !typeof(Job).IsAssignableFrom(type);

    /// <summary>A type and those of its properties; for collections, the types of their elements.</summary>
    private static void Add(Type type, HashSet<Type> types)
    {
        Type? item = type.GetInterfaces().Append(type).Where(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEnumerable<>))
            .Select(i => i.GetGenericArguments()[0]).FirstOrDefault();
        if (typeof(IEnumerable).IsAssignableFrom(type))
        {
            if (IsOurs(item))
                Add(item!, types);
        }
        else if (IsOurs(type) && types.Add(type))
        {
            foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
                Add(property.PropertyType, types);
        }
    }
}
