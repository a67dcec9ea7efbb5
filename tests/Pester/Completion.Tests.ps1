BeforeDiscovery {
    . $PSScriptRoot/Setup.ps1
    $common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
    $choices = foreach ($command in Get-Command -Module Cifar10Ps) {
        foreach ($parameter in $command.Parameters.Values | Where-Object Name -NotIn $common) {
            $type = [Nullable]::GetUnderlyingType($parameter.ParameterType) ?? $parameter.ParameterType
            $set = $parameter.Attributes | Where-Object { $_ -is [ValidateSet] }
            if ($type.IsEnum -or $set) {
                @{ command = $command.Name; parameter = $parameter.Name; values = $set ? $set.ValidValues : [Enum]::GetNames($type) }
            }
        }
    }
}

BeforeAll {
    . $PSScriptRoot/Setup.ps1

    # What the tab key offers at the end of a line.
    function Complete([string] $Line) { (TabExpansion2 $Line $Line.Length).CompletionMatches.CompletionText }
}

Describe 'Tab' {
    It 'completes the name of <_>' -ForEach (Get-Command -Module Cifar10Ps).Name {
        Complete $_.Substring(0, $_.Length - 1) | Should -Contain $_
    }

    It 'offers the choices of <command> -<parameter>' -ForEach $choices {
        Complete "$command -$parameter " | Sort-Object | Should -Be ($values | Sort-Object)
    }

    It 'completes a choice in the middle of a pipeline, whatever its case' {
        Complete '$data | Start-ModelTraining $model -Optimizer AD' | Should -Be 'Adam', 'AdamW'
    }

    It 'completes a list, and the rule for class weights' {
        Complete 'Start-ModelTraining -Augmentation Flip, Ran' | Should -Be 'RandAugment', 'RandomErasing', 'RandomResizedCrop'
        Complete 'Find-LearningRate -ClassWeights ' | Should -Be 'Balanced', '@{ }'
    }

    It 'knows the properties of what comes out' {
        Complete '$data | Start-ModelTraining $model | Where-Object Validation' | Should -Contain 'ValidationAccuracy'
        Complete 'Import-Model a | ForEach-Object { $_.Preproc' | Should -Contain 'Preprocessing'
    }

    It 'completes layer words and their parameters in the block of a network, and nowhere else' {
        Complete "New-Network {`n    Conv" | Select-Object -First 1 | Should -Be 'Convolution'
        Complete 'New-Network { Residual { Convolution 32 -St' | Should -Be '-Stride'
        Complete 'Convol' | Should -BeNullOrEmpty
    }

    It 'finds files, with their blanks and brackets' {
        Set-Content -LiteralPath "$TestDrive/a [1].safetensors" ''
        Push-Location $TestDrive
        try { Complete 'Import-Model a' | Should -BeLike "*a *1*.safetensors'" } finally { Pop-Location }
    }
}
