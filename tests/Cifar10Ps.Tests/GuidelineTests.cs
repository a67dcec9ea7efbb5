using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

/// <summary>The checkable points of the cmdlet development guidelines, for every cmdlet. docs/guidelines.md covers all points.</summary>
public sealed partial class GuidelineTests : IDisposable
{
    // Each cmdlet that asks, and something that it would write.
    private static readonly Dictionary<string, string> Writers = new()
    {
        ["Export-Model"] = "$model | Export-Model new.pth",
        ["Export-ModelGraph"] = "$model | Export-ModelGraph new.dot",
        ["Export-ConfusionMatrix"] = "$data | Measure-Model $model | Export-ConfusionMatrix new.svg",
        ["Export-Image"] = "$data.Test[0] | Export-Image new",
        ["Export-AugmentationSheet"] = "$data.Train[0] | Export-AugmentationSheet new.svg",
        ["Export-PredictionSheet"] = "$data.Test[0] | Invoke-Inference $model | Export-PredictionSheet new.svg",
        ["Export-ReliabilityPlot"] = "$data | Measure-Model $model | Export-ReliabilityPlot new.svg",
        ["Export-TrainingPlot"] =
            "$data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -WhatIf:$false -Confirm:$false | "
            + "Export-TrainingPlot new.svg",
        ["Get-Cifar10"] = "Get-Cifar10 -Uri http://127.0.0.1:1/cifar-10-binary.tar.gz",
        ["Save-Model"] = "$model | Save-Model new.safetensors",
        ["Start-ModelTraining"] = "$data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory new",
    };

    private readonly Session _session = new();
    private readonly CmdletInfo[] _cmdlets;

    public GuidelineTests()
    {
        _session.SetEnvironment("XDG_CACHE_HOME", _session.Folder["cache"]);
        _cmdlets = [.. _session.Run("Get-Command -Module Cifar10Ps").Cast<CmdletInfo>()];
        Assert.NotEmpty(_cmdlets);
    }

    [Fact]
    public void The_table_has_each_point_once()
    {
        string text = File.ReadAllText(Path.Combine(TestEnvironment.Root, "docs", "guidelines.md"));
        string[] points = [.. PointsOf("RD", 6), .. PointsOf("RC", 7), .. PointsOf("SD", 5),
            .. PointsOf("SC", 4), .. PointsOf("AD", 5), .. PointsOf("AC", 6)];

        Assert.Equal(points, TableRow().Matches(text).Select(match => match.Groups[1].Value));

        static IEnumerable<string> PointsOf(string kind, int count) => Enumerable.Range(1, count).Select(number => $"{kind}{number:D2}");
    }

    [Fact]
    public void RD01_RD02_SD01_SD02_names_are_an_approved_verb_and_a_singular_noun_in_Pascal_case()
    {
        Type[] groups = [typeof(VerbsCommon), typeof(VerbsCommunications), typeof(VerbsData),
            typeof(VerbsDiagnostic), typeof(VerbsLifecycle), typeof(VerbsOther), typeof(VerbsSecurity)];
        HashSet<object?> verbs = [.. groups.SelectMany(group => group.GetFields()).Select(verb => verb.GetRawConstantValue())];

        Assert.DoesNotContain(_cmdlets, cmdlet =>
            !verbs.Contains(cmdlet.Verb) || !PascalCase().IsMatch(cmdlet.Noun) || cmdlet.Noun.EndsWith('s'));
    }

    [Fact]
    public void RD03_no_parameter_or_alias_takes_a_reserved_name_or_that_of_another()
    {
        string[] reserved = [.. Cmdlet.CommonParameters, .. Cmdlet.OptionalCommonParameters];
        Assert.DoesNotContain(OwnParameters(), own => reserved.Contains(own.Parameter.Name, StringComparer.OrdinalIgnoreCase));
        Assert.All(_cmdlets, cmdlet =>
        {
            string[] names = [.. cmdlet.Parameters.Values.SelectMany(parameter => parameter.Aliases.Prepend(parameter.Name))];
            Assert.Equal(names.Length, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        });
    }

    [Fact]
    public void RD04_what_writes_asks_first_and_without_consent_writes_nothing()
    {
        Assert.Equal(Writers.Keys.Order(StringComparer.Ordinal),
            _cmdlets.Where(Asks).Select(cmdlet => cmdlet.Name).Order(StringComparer.Ordinal));
        foreach ((string name, string command) in Writers)
        {
            Assert.True(_session.Run($"{command} -WhatIf") is [], name);
            Assert.Matches($"What if: .*\n$", _session.Host.Text);
            Assert.True(_session.Host.Refuse(() => _session.Run($"{command} -Confirm")) is [], name);
            Assert.True(Directory.GetFileSystemEntries(_session.Folder.Path) is [], name);
        }
    }

    [Fact]
    public void RD05_nothing_asks_on_its_own_and_what_overwrites_has_Force()
    {
        Assert.All(_cmdlets, cmdlet => Assert.True(Attribute(cmdlet).ConfirmImpact <= ConfirmImpact.Medium, cmdlet.Name));
        Assert.All(_cmdlets.Where(cmdlet => Asks(cmdlet) && cmdlet.Name != "Get-Cifar10"), cmdlet =>
            Assert.Contains("Force", cmdlet.Parameters.Keys));
    }

    [Fact]
    public void RC01_RC02_RC04_AC01_classes_are_named_as_their_cmdlets_and_say_what_these_return()
    {
        Assert.All(_cmdlets, cmdlet =>
        {
            Type type = cmdlet.ImplementingType;
            Assert.True(type.IsPublic && type.IsSubclassOf(typeof(Cmdlet)), type.FullName);
            Assert.Equal($"Cifar10Ps.Commands.{cmdlet.Verb}{cmdlet.Noun}Command", type.FullName);
            Assert.True(cmdlet.OutputType is [_, ..], cmdlet.Name);
        });
    }

    [Fact]
    public void RC03_SC02_AC02_input_is_taken_record_by_record_and_what_takes_none_works_at_the_beginning()
    {
        Assert.All(_cmdlets, cmdlet =>
        {
            bool[] takesInput = [.. cmdlet.ParameterSets
                .Select(set => set.Parameters.Any(parameter => parameter.ValueFromPipeline || parameter.ValueFromPipelineByPropertyName))];
            Assert.Equal(takesInput.Any(takes => takes), Overrides(cmdlet, "OnProcess"));
            Assert.True(takesInput.Any(takes => takes) || Overrides(cmdlet, "OnBegin"), cmdlet.Name);
        });
    }

    [Fact]
    public void SD03_parameters_have_standard_names_and_types()
    {
        // Two classes at least; a model has many weights, and each class one; an image has many features; a block has many layers; a sheet
        // shows several losses; a job has many ranks.
        string[] lists = ["Classes", "ClassWeights", "EmitOnAllRanks", "Features", "InitialWeights", "Layers", "TopLosses", "Weights"];

        Assert.DoesNotContain(OwnParameters(), own => !PascalCase().IsMatch(own.Parameter.Name));
        Assert.DoesNotContain(OwnParameters(), own =>
            own.Parameter.Name.EndsWith('s') && !lists.Contains(own.Parameter.Name) && !IsNumber(own.Parameter.ParameterType));
        Assert.DoesNotContain(OwnParameters(), own => own.Parameter.ParameterType == typeof(bool));
        // A parameter that transforms its argument also accepts the type of the others.
        var comparable = OwnParameters()
            .Where(own => !own.Parameter.Attributes.Any(attribute => attribute is ArgumentTransformationAttribute));
        Assert.All(comparable.GroupBy(own => own.Parameter.Name), same =>
            Assert.True(same.Select(own => ElementType(own.Parameter.ParameterType)).Distinct().Count() == 1,
                $"-{same.Key} has several types"));
    }

    [Fact]
    public void SD03_parameter_sets_have_a_default_and_their_values_from_the_pipeline_are_told_apart_by_type()
    {
        Assert.All(_cmdlets, cmdlet =>
        {
            Assert.True(cmdlet.ParameterSets.Count == 1 || cmdlet.ParameterSets.Any(set => set.IsDefault), cmdlet.Name);
            Assert.All(cmdlet.ParameterSets, set =>
            {
                Type[] types = [.. set.Parameters.Where(parameter => parameter.ValueFromPipeline)
                    .Select(parameter => ElementType(parameter.ParameterType))];
                Assert.True(types.Distinct().Count() == types.Length, $"{cmdlet.Name}, {set.Name}");
            });
        });
    }

    [Fact]
    public void SC01_values_are_checked_when_they_are_bound()
    {
        Assert.DoesNotContain(OwnParameters(), own =>
            own.Parameter.ParameterType != typeof(SwitchParameter)
            && !(Nullable.GetUnderlyingType(own.Parameter.ParameterType) ?? own.Parameter.ParameterType).IsEnum
            && !own.Parameter.Attributes.Any(attribute => attribute is ValidateArgumentsAttribute));
    }

    [Fact]
    public void Numbers_as_text_with_a_comma_are_refused()
    {
        (string Cmdlet, ParameterMetadata Parameter)[] numbers =
            [.. OwnParameters().Where(own => IsNumber(own.Parameter.ParameterType.GetElementType() ?? own.Parameter.ParameterType))];
        Assert.Superset(new HashSet<string> { "LearningRate", "Momentum", "Mean", "Epochs", "Threads" },
            numbers.Select(own => own.Parameter.Name).ToHashSet());

        // The argument is refused first, whatever else is missing or wrong.
        Assert.All(numbers, own =>
            Assert.Contains("'0,05' has a comma",
                _session.Fail($"{own.Cmdlet} -{own.Parameter.Name} '0,05'").ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void SC01_paths_may_have_wildcards_or_be_literal_and_come_from_Get_ChildItem()
    {
        Assert.All(_cmdlets.Where(cmdlet => cmdlet.Parameters.ContainsKey("Path")), cmdlet =>
        {
            Assert.Contains(cmdlet.Parameters["Path"].Attributes, attribute => attribute is SupportsWildcardsAttribute);
            Assert.True(cmdlet.Parameters.TryGetValue("LiteralPath", out ParameterMetadata? literal), cmdlet.Name);
            Assert.Contains("PSPath", literal.Aliases);
        });
    }

    [Fact]
    public void SD04_nothing_goes_past_the_host_to_the_console()
    {
        Assembly[] ours = [_cmdlets[0].ImplementingType.Assembly, _session.Value<object>("$model").GetType().Assembly];

        Assert.All(ours, assembly =>
            Assert.DoesNotContain(assembly.GetReferencedAssemblies(), reference => reference.Name == "System.Console"));
    }

    [Fact]
    public void SD05_RD06_help_tells_what_comes_back()
    {
        Assert.Empty(_session.Run("""
            foreach ($command in Get-Command -Module Cifar10Ps) {
                $values = (Get-Help $command.Name -Full).returnValues.returnValue
                if (!$values -or !($values | ForEach-Object { $_.type.name })) { $command.Name }
            }
            """));
    }

    [Fact]
    public void SC04_case_does_not_matter_in_choices()
    {
        _session.Run(
            "$null = $data | START-MODELTRAINING $model -EPOCHS 1 -BATCHSIZE 32 -OPTIMIZER adamw -SCHEDULE constant -PRECISION float32");
    }

    [Fact]
    public void AD05_nothing_tests()
    {
        // Should there be one, it must return a Boolean, and this becomes the test of that.
        Assert.DoesNotContain(_cmdlets, cmdlet => cmdlet.Verb == VerbsDiagnostic.Test);
    }

    [Fact]
    public void AC03_AC04_every_cmdlet_can_be_stopped_and_frees_what_it_holds()
    {
        Assert.All(_cmdlets, cmdlet =>
        {
            Assert.True(Overrides(cmdlet, "StopProcessing"), cmdlet.Name);
            Assert.True(cmdlet.ImplementingType.IsAssignableTo(typeof(IDisposable)), cmdlet.Name);
        });
    }

    [Fact]
    public void AD03_AC06_no_parameter_takes_a_secret()
    {
        // The key of Import-Model is that of an entry in a file, like a key of a dictionary.
        Assert.DoesNotContain(OwnParameters(), own =>
            Secret().IsMatch(own.Parameter.Name) && (own.Cmdlet, own.Parameter.Name) != ("Import-Model", "Key"));
    }

    public void Dispose() => _session.Dispose();

    [GeneratedRegex(@"^\| ([A-Z]{2}\d\d) \|", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex("^[A-Z][A-Za-z0-9]*$")]
    private static partial Regex PascalCase();

    [GeneratedRegex("Password|Secret|Token|Credential|Key$")]
    private static partial Regex Secret();

    private static CmdletAttribute Attribute(CmdletInfo cmdlet) => cmdlet.ImplementingType.GetCustomAttribute<CmdletAttribute>()!;

    private static bool Asks(CmdletInfo cmdlet) => Attribute(cmdlet).SupportsShouldProcess;

    /// <summary>Whether the cmdlet's own code has the method, not only the base class of all its cmdlets or PowerShell's.</summary>
    private static bool Overrides(CmdletInfo cmdlet, string method)
    {
        const BindingFlags Any = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;
        MethodInfo found = cmdlet.ImplementingType.GetMethod(method, Any)!;
        return found.DeclaringType != found.GetBaseDefinition().DeclaringType;
    }

    private static bool IsNumber(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is { IsPrimitive: true, IsEnum: false };

    // Arrays and nullable types count as their element's type. Each cmdlet has its own choices.
    private static Type ElementType(Type type)
    {
        Type element = Nullable.GetUnderlyingType(type) ?? type.GetElementType() ?? type;
        return element.IsEnum ? typeof(Enum) : element;
    }

    /// <summary>The parameters that the cmdlets declare.</summary>
    private IEnumerable<(string Cmdlet, ParameterMetadata Parameter)> OwnParameters() =>
        from cmdlet in _cmdlets
        from parameter in cmdlet.Parameters.Values
        where cmdlet.ImplementingType.GetProperty(parameter.Name) is not null
        select (cmdlet.Name, parameter);
}
